"""The connections that the service answers on."""

import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from app.api import connections
from tests.api.conftest import on_sqlite
from tests.api.serving import Served


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
    place = urlsplit(service.url)

    with closing(socket.create_connection((place.hostname, place.port), timeout=0.05)) as caller:
        caller.sendall(begun)

        assert is_closed(caller, sending=more, within=10)


@on_sqlite
def test_who_waits_for_an_answer_or_asks_again_keeps_the_connection(
    anna: httpx.Client, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    place = urlsplit(service.url)
    head = (
        "POST /v1/freezes HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\nmlrelease-actor: anna\r\n"
        f"authorization: Bearer {service.development_token}\r\n\r\n"
    )

    with closing(socket.create_connection((place.hostname, place.port), timeout=0.05)) as caller:
        caller.sendall(head.encode())

        assert not is_closed(caller, sending=b" ", within=1.5)
        asked = {anna.get("/health/live").extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)}
        assert len(asked) == 1


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
