"""The connections that the service answers on."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from app import main
from app.api import connections, events, httptools_connection
from app.api.h11_connection import H11Connection
from app.api.httptools_connection import HttptoolsConnection
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.serving import Served, serving
from tests.waiting import wait_until

END = b"\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture(params=[HttptoolsConnection, H11Connection])
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Served]:
    """By either of the parsers."""
    monkeypatch.setattr(main, "connection_class", lambda: request.param)
    with serving(settings) as served:
        yield served


def connected(service: Served, *, patience: float = 10) -> closing[socket.socket]:
    place = urlsplit(service.url)
    return closing(socket.create_connection((place.hostname, place.port), timeout=patience))


@on_sqlite
def test_answers_are_sent_without_waiting_for_the_callers_acknowledgement(anna: httpx.Client, service: Served) -> None:
    """Nagle's algorithm holds the body of every answer on a connection that is kept for 40 ms."""
    assert anna.get("/health/live").status_code == 200

    connections = service.connections()

    assert connections
    assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in connections)


@on_sqlite
@pytest.mark.parametrize(
    ("begun", "more"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"GET /health/live HTTP/1.1\r\nx: ", b"x", id="a header without an end"),
        pytest.param(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\nGET /", b"x", id="half a second request"),
        pytest.param(
            b"POST /v1/releases HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n",
            b"x",
            id="the body of a request that was answered",
        ),
    ],
)
def test_a_connection_on_which_no_request_comes_is_closed(
    service: Served, monkeypatch: pytest.MonkeyPatch, begun: bytes, more: bytes
) -> None:
    """However slowly something else comes: each takes a file of the process, which has not many."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)

    with connected(service, patience=0.05) as caller:
        caller.sendall(begun)

        assert is_closed(caller, sending=more, within=10)


@on_sqlite
def test_who_waits_for_an_answer_or_asks_again_keeps_the_connection(
    anna: httpx.Client, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    head = (
        "POST /v1/freezes HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\nmlrelease-actor: anna\r\n"
        f"authorization: Bearer {service.development_token}\r\n\r\n"
    )

    with connected(service, patience=0.05) as caller:
        caller.sendall(head.encode())

        assert not is_closed(caller, sending=b" ", within=1.5)
        asked = {anna.get("/health/live").extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)}
        assert len(asked) == 1


@on_sqlite
def test_who_does_not_read_the_answers_is_let_go(service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with closing(socket.socket()) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        place = urlsplit(service.url)
        caller.connect((place.hostname, place.port))
        wait_until(lambda: service.connections() != [], what="the caller is connected")
        with service.connections()[0].dup() as other_end:  # what the system would take off the service's hands
            other_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        caller.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n")

        wait_until(lambda: not service.connections(), what="the connection is closed")


@on_sqlite
def test_what_does_not_end_is_not_kept(service: Served) -> None:
    chunked = b"POST /health/live HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    for begun, more in (
        (LIVE + b"x: ", b"x" * 10_000),
        (LIVE, b"x: y\r\n" * 1000),
        (chunked + b"1\r\nx\r\n0\r\nx: ", b"x" * 10_000),
    ):
        with connected(service, patience=0.01) as caller:
            caller.sendall(begun)
            sent = 0
            while not is_closed(caller, sending=more, within=0.001):
                sent += len(more)
                assert sent < 2_000_000, begun


@on_sqlite
def test_what_could_be_read_in_two_ways_is_refused(service: Served) -> None:
    for asked in (
        b"GET /health/live HTTP/1.1\r\n",
        LIVE + b"host: elsewhere\r\n",
        LIVE + b"content-length: 1\r\ncontent-length: 2\r\n",
        LIVE + b"x : y\r\n",
        LIVE + b"x: a\0b\r\n",
        b"nonsense\r\n",
    ):
        with connected(service) as caller:
            caller.sendall(asked + END)

            assert caller.recv(65536).startswith(b"HTTP/1.1 400"), asked
            assert is_closed(caller, sending=b"", within=10)


@on_sqlite
def test_what_follows_a_body_is_no_header(service: Served) -> None:
    token = f"authorization: Bearer {service.development_token}\r\nmlrelease-actor: anna\r\n".encode()
    head = b"POST /v1/freezes HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    with connected(service) as caller:
        caller.sendall(head + END + b"2\r\n{}\r\n0\r\n" + token + END + LIVE + END)

        assert caller.recv(65536).startswith(b"HTTP/1.1 401")


@on_sqlite
def test_body_is_no_request_even_where_another_protocol_is_wished_for(service: Served) -> None:
    upgrade = b"connection: close, upgrade\r\nupgrade: h2c\r\n"
    smuggled = LIVE + END
    length = b"content-length: %d\r\n" % len(smuggled)
    with connected(service) as caller:
        caller.sendall(LIVE.replace(b"GET", b"POST") + upgrade + length + END)
        with contextlib.suppress(ConnectionError):
            caller.sendall(smuggled)
        assert b"alive" not in received(caller)
    with connected(service) as caller:
        caller.sendall(LIVE + upgrade + END)
        assert caller.recv(65536).startswith(b"HTTP/1.1 200")


@on_sqlite
def test_requests_that_are_sent_ahead_are_answered_in_their_order(service: Served) -> None:
    with connected(service) as caller:
        caller.sendall((LIVE + END) * 3 + b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answers = received(caller)

    assert answers.count(b"HTTP/1.1 200") == 4
    assert answers.count(b"alive") == 3
    assert answers.endswith(b'{"status":"ready"}')


@on_sqlite
@pytest.mark.parametrize("service", [HttptoolsConnection], indirect=True)
def test_who_hangs_up_is_noticed_though_a_request_was_sent_ahead(planned: str, service: Served) -> None:
    stream = (
        f"GET /v1/releases/{planned}/events HTTP/1.1\r\nhost: localhost\r\nmlrelease-actor: anna\r\n"
        f"authorization: Bearer {service.development_token}\r\naccept: text/event-stream\r\n\r\n"
    )
    with connected(service) as caller:
        caller.sendall(stream.encode() + LIVE + END)
        wait_until(lambda: service.waiting == 1, what="the stream waits for more")

    wait_until(lambda: service.waiting == 0, what="the stream has ended", seconds=events.KEEP_ALIVE_SECONDS / 2)


@on_sqlite
@pytest.mark.parametrize("service", [HttptoolsConnection], indirect=True)
def test_who_sends_many_requests_ahead_is_let_go(service: Served) -> None:
    """Each that is kept takes a hundred times as much memory as it takes to ask. H11 reads them one by one."""
    with connected(service) as caller:
        caller.sendall((LIVE + END) * 100)

        assert received(caller).count(b"HTTP/1.1 200") <= httptools_connection.MOST_AHEAD


def received(caller: socket.socket) -> bytes:
    """All until the connection is closed."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := caller.recv(65536):
            parts.append(part)
    return b"".join(parts)


def is_closed(caller: socket.socket, *, sending: bytes, within: float) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if sending:
                caller.sendall(sending)
            if caller.recv(65536) == b"":
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False
