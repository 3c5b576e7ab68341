"""Bodies that are large, slow or never end, of callers whom nobody knows and of some who are known."""

import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.api.receiving import MAX_FORM
from app.api.service import MOST_UPLOADS
from app.settings import Settings
from tests.api.serving import Served, busy_threads, problem_of
from tests.identity.conftest import As
from tests.waiting import wait_until

DRIBBLERS = 60
MIB = 1024**2


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"slack_signing_secret": SecretStr("s" * 32)})


@contextmanager
def begun(
    service: Served, path: str, *, sent: bytes, length: int = 16 * MIB, headers: str = ""
) -> Iterator[socket.socket]:
    """A request whose body has begun, and goes no further."""
    place = urlsplit(service.url)
    with closing(socket.create_connection((place.hostname, place.port), timeout=30)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\n{headers}Content-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        yield connection


def status_of(connection: socket.socket) -> int:
    """What it is answered, with the rest of the body still to come."""
    return int(connection.recv(65536).split()[1])


@pytest.mark.parametrize(
    "headers", ["", "Authorization: Bearer mlr_x\r\n", "Authorization: Bearer a.b.c\r\n", "Cookie: mlrelease=x\r\n"]
)
@pytest.mark.parametrize("path", ["/v1/bundles", "/v1/releases", "/v1/definitions/churn", "/v1/nowhere"])
def test_who_is_not_known_is_answered_before_the_body_is_read(service: Served, path: str, headers: str) -> None:
    with begun(service, path, sent=b"x", headers=headers) as connection:
        assert status_of(connection) == 401


@pytest.mark.parametrize("path", ["/login", "/logout", "/chat/slack/interactions", "/decide", "/nowhere"])
def test_form_that_is_announced_as_too_long_is_not_read(service: Served, path: str) -> None:
    with begun(service, path, sent=b"x") as connection:
        assert status_of(connection) == 413


def test_those_who_dribble_get_no_memory_and_no_thread_and_are_hung_up_on(
    service: Served, root: httpx.Client, planned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.receiving.BODY_SECONDS", 5.0)
    paths = ["/chat/slack/interactions", "/logout", "/login"]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        opened = [
            begun(service, paths[number % 3], sent=b"x" * (MAX_FORM - 1), length=MAX_FORM)
            for number in range(DRIBBLERS)
        ]
        connections = [each.__enter__() for each in opened]
        for _ in range(10):
            assert root.get(f"/v1/releases/{planned}").status_code == 200
            assert root.get("/health/ready").status_code == 200
        assert service.inside(busy_threads) == 0
        assert tracemalloc.get_traced_memory()[0] - before < 30 * MIB
    finally:
        tracemalloc.stop()
    answers = [status_of(each) for each in connections]
    assert set(answers) <= {408, 503}, answers
    assert 408 in answers
    with connections[answers.index(408)].makefile("rb") as rest:
        rest.read()  # until the connection is closed
    for each in opened:
        each.__exit__(None, None, None)


def test_bundle_that_does_not_go_on_is_hung_up_on_and_few_are_taken_at_once(
    service: Served, root: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = f"Authorization: {root.headers['Authorization']}\r\n"
    monkeypatch.setattr("app.api.receiving.BUNDLE_SECONDS", 60.0)
    opened = [begun(service, "/v1/bundles", sent=b"x" * MIB, headers=known) for _ in range(MOST_UPLOADS)]
    for each in opened:
        each.__enter__()
    wait_until(lambda: service.service.uploads.is_full, what="all places are taken")

    monkeypatch.setattr("app.database.concurrency.WAIT_SECONDS", 0.2)
    refused = root.post("/v1/bundles", content=b"x")

    problem_of(refused, 503, "too_many_uploads")
    wait_until(lambda: service.inside(busy_threads) == 0, what="what has come is written")
    assert root.post("/v1/releases", json={"model": "none", "job": "j"}).status_code == 404, "others may write"
    for each in opened:
        each.__exit__(None, None, None)
    wait_until(lambda: not service.service.uploads.is_full, what="who has gone gives back their place")

    monkeypatch.setattr("app.api.receiving.BUNDLE_SECONDS", 0.2)
    with begun(service, "/v1/bundles", sent=b"x", headers=known) as connection:
        assert status_of(connection) == 408


def test_whoever_may_not_upload_is_told_so_before_it_is_read(service: Served, holder: As) -> None:
    known = f"Authorization: {holder('viewer').headers['Authorization']}\r\n"
    with begun(service, "/v1/bundles", sent=b"x", headers=known) as connection:
        assert status_of(connection) == 403
