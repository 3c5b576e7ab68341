"""When a request is sent again, and for how long: by what a real server answers, and by pure rules."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlrelease_client import Client, NotFound, NotMlrelease, Retries, Unavailable, Unreachable
from mlrelease_client.credentials import checked_address
from mlrelease_client.errors import Misused
from mlrelease_client.retries import seconds_asked
from mlrelease_client.server_sent import Reader

NOW = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
SOON = Retries(tries=3, first=0.001, longest=0.01)

Answer = tuple[int, dict[str, str], bytes]


def _problem(status: int, code: str, **headers: str) -> Answer:
    document = {"status": status, "detail": "No.", "code": code, "hint": "Do.", "title": "No"}
    return status, {"Content-Type": "application/problem+json", **headers}, json.dumps(document).encode()


GONE: Answer = (0, {}, b"")  # hangs up without a word
FREEZES: Answer = (200, {"Content-Type": "application/json"}, b'{"items": [], "next": null, "added_later": 1}')
PROXY: Answer = (502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>")


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives these answers, one after the other, and what it was asked."""
    asked: list[dict[str, Any]] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append({"path": self.path, "key": self.headers.get("Idempotency-Key"), "body": body})
            status, headers, content = left.pop(0)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 # http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its signature
            """Say nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_request_that_broke_is_sent_again_under_the_same_key() -> None:
    unavailable = _problem(503, "database_unavailable", **{"Retry-After": "0"})

    with (
        answering(GONE, unavailable, _problem(404, "release_not_found")) as (url, asked),
        Client(url, retries=SOON) as client,
        pytest.raises(NotFound) as refused,
    ):
        client.create_release(model="churn", job="job-1")

    assert refused.value.code == "release_not_found"
    assert len(asked) == 3
    assert len({(each["key"], each["body"]) for each in asked}) == 1
    assert asked[0]["key"]
    assert json.loads(asked[0]["body"]) == {"model": "churn", "job": "job-1"}


def test_what_a_newer_service_adds_is_no_error() -> None:
    with answering(FREEZES) as (url, _), Client(url) as client:
        assert client.list_freezes().items == []


def test_service_that_asks_to_wait_too_long_is_not_waited_for() -> None:
    with (
        answering(_problem(429, "too_many", **{"Retry-After": "3600"})) as (url, asked),
        Client(url, retries=SOON) as client,
        pytest.raises(Unavailable),
    ):
        client.list_freezes()

    assert len(asked) == 1


def test_proxy_that_never_recovers_is_named_as_what_it_is() -> None:
    with (
        answering(PROXY, PROXY, PROXY) as (url, asked),
        Client(url, retries=SOON) as client,
        pytest.raises(NotMlrelease, match="502 Bad Gateway"),
    ):
        client.list_freezes()

    assert len(asked) == 3


def test_service_that_is_not_there_is_unreachable() -> None:
    with Client("http://127.0.0.1:9", retries=SOON) as client, pytest.raises(Unreachable, match="does not respond"):
        client.list_freezes()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 27 Nov 2026 20:01:00 GMT", 60.0),
        ("Fri, 27 Nov 2026 19:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("9" * 400, 999999999.0),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(said: str | None, seconds: float | None) -> None:
    assert seconds_asked(said, now=NOW) == seconds


def test_waits_grow_to_their_bound_and_end() -> None:
    retries = Retries(tries=6, first=1, longest=4, longest_asked=10)

    waits = [retries.wait(tried, now=NOW, jitter=0) for tried in range(1, 7)]

    assert waits == [1, 2, 4, 4, 4, None]
    assert retries.wait(1, retry_after="9", now=NOW, jitter=1) == 9
    assert retries.wait(1, retry_after="11", now=NOW, jitter=0) is None


def test_events_are_read_over_lines_and_comments() -> None:
    reader = Reader("0")
    stream = ["id: 5", "event: x", "data: a", "data: b", "", ": still here", "", "id: 6", "data: cut off"]

    assert [reader.feed(line) for line in stream] == [*[None] * 4, "a\nb", *[None] * 4]
    assert reader.last_id == "5", "the event that was cut off is asked for again"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("mlrelease.example", "not a service's address"),
        ("ftp://mlrelease.example", "not a service's address"),
        ("http://mlrelease.example", "without TLS"),
    ],
)
def test_token_goes_nowhere_without_tls(server: str, why: str) -> None:
    with pytest.raises(Misused, match=why):
        Client(server, token="secret")  # noqa: S106 # nobody's

    assert checked_address("http://localhost:8400/", has_credentials=True) == "http://localhost:8400"
