"""Whatever is wrong with a request, the answer is a problem document, and the service goes on."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.receiving import MAX_JSON
from tests.api.conftest import on_sqlite
from tests.api.playing import approve, as_json
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker

JSON = {"Content-Type": "application/json"}


@on_sqlite
@pytest.mark.parametrize("path", ["/v1", "/v1/relases", "/v2/releases", "/v1/releases/a/b/c/d", "/v1/%2e%2e/x"])
def test_unknown_route(anna: httpx.Client, path: str) -> None:
    assert "docs" in problem_of(anna.get(path), 404, "route_not_found")["hint"]


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/v1/releases", "GET, POST"), ("PUT", "/v1/releases/churn-1", "GET"), ("GET", "/v1/bundles", "POST")],
)
def test_method_that_a_route_does_not_have(anna: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = anna.request(method, path)

    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"model": "churn", "job": "\xff\xfe"}',
        b'{"model": "churn", "job": "\xc3"}',
        b"[]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"model": "churn"}',
        b'{"model": "churn", "job": 7}',
        b'{"model": null, "job": "j"}',
        b'{"model": "churn", "job": "\\ud800"}',
        b'{"model": "churn", "job": "j", "stages": "dev"}',
        b'{"model": "churn", "job": "j", "definition_version": 0}',
        b'{"model": "churn", "job": "j", "definition_version": 1e400}',
        b'{"model": "churn", "job": "j", "definition_version": ' + b"9" * 5000 + b"}",
        b'{"model": "churn", "job": "j", "unknown": 1}',
        b"[" * 200_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
def test_body_that_cannot_be_understood(anna: httpx.Client, churn: str, body: bytes) -> None:
    problem = problem_of(anna.post("/v1/releases", content=body, headers=JSON), 422, "malformed")

    assert len(problem["detail"]) < 1000
    assert as_json(anna.get("/v1/models"))["items"][0]["model"] == churn


@on_sqlite
def test_body_of_another_type_is_refused_with_a_hint(anna: httpx.Client) -> None:
    answer = anna.post("/v1/releases", data={"model": "churn", "job": "j"})

    assert "Content-Type: application/json" in problem_of(answer, 422, "malformed")["hint"]


def _texts_with_nul() -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    nul = "a\0b"
    yield "GET", "/v1/releases/a%00b", None
    yield "GET", "/v1/releases/a%00b/events", None
    yield "GET", "/v1/releases?model=a%00b", None
    yield "GET", "/v1/releases?job=%00", None
    yield "GET", "/v1/jobs/a%00b", None
    yield "GET", "/v1/jobs/j?workspace=%00", None
    yield "GET", "/v1/models/a%00b", None
    yield "POST", "/v1/releases/a%00b/cancel", {}
    yield "POST", "/v1/releases", {"model": nul, "job": "j"}
    yield "POST", "/v1/releases", {"model": "churn", "job": nul}
    yield "POST", "/v1/releases", {"model": "churn", "job": "j", "note": nul}
    yield "POST", "/v1/releases", {"model": "churn", "job": "j", "stages": ["dev", nul]}
    yield "POST", "/v1/jobs", {"model": "churn", "name": nul}
    yield "POST", "/v1/jobs", {"model": "churn", "bundle": nul, "entry": "e"}
    yield "POST", "/v1/jobs", {"model": "churn", "bundle": "b", "entry": "e", "environments": [nul]}
    yield "POST", "/v1/models", {"bundle": nul}
    yield "POST", "/v1/models", {"bundle": "b", "note": nul}
    yield "POST", "/v1/releases/churn-1/cancel", {"reason": nul}
    yield "POST", "/v1/releases/churn-1/rollouts/dev/approve", {"plan_digest": "sha256:0", "reason": nul}
    yield "POST", "/v1/releases/churn-1/rollouts/dev/reject", {"reason": nul}
    yield "POST", "/v1/releases/churn-1/rollouts/dev/approve", {"plan_digest": nul}


def test_nul_character_anywhere_is_refused(anna: httpx.Client, release: str) -> None:
    """PostgreSQL cannot store it; SQLite could, and would show something else than was asked for."""
    for method, path, body in _texts_with_nul():
        problem = problem_of(anna.request(method, path, json=body), 422, "malformed")
        assert "NUL" in problem["detail"] or "is not a job's name" in problem["detail"], path

    assert as_json(anna.get(f"/v1/releases/{release}"))["status"] == "pending"


@on_sqlite
def test_number_that_is_none_or_too_large(anna: httpx.Client) -> None:
    for path in ("/v1/releases?limit={}", "/v1/jobs?limit={}", "/v1/events?after={}", "/v1/models/m/versions/{}"):
        for number in ("2147483648", "9" * 20, "9" * 5000, "-1", "1e3", "x"):
            problem_of(anna.get(path.format(number)), 422, "malformed")


def test_text_of_every_kind_is_kept_as_it_is(anna: httpx.Client, churn: str) -> None:
    note = "Zoë 👩‍🔬 \u2028 \x01 \\ ' \" %s {x} 𝕏 \ufffe"

    asked = as_json(anna.post("/v1/releases", json={"model": churn, "job": "j", "note": note}))

    assert as_json(anna.get(f"/v1/releases/{asked['id']}"))["note"] == note
    assert as_json(anna.get(f"/v1/releases/{asked['id']}/events"))["items"][0]["data"]["note"] == note


@on_sqlite
@pytest.mark.usefixtures("churn")
def test_body_that_is_too_long_is_refused_however_it_is_sent(anna: httpx.Client) -> None:
    too_long = b'{"model": "churn", "job": "' + b"x" * MAX_JSON + b'"}'

    announced = anna.post("/v1/releases", content=too_long, headers=JSON)
    in_pieces = anna.post(
        "/v1/releases", content=(too_long[at : at + 50_000] for at in range(0, len(too_long), 50_000))
    )
    nowhere = anna.post("/v1/nowhere", content=too_long)

    for answer in (announced, in_pieces, nowhere):
        assert "1 MiB" in problem_of(answer, 413, "request_too_large")["detail"]


@on_sqlite
def test_body_that_is_announced_too_long_is_not_read(service: Served) -> None:
    place = urlsplit(service.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
        head = (
            f"POST /v1/releases HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 99999999999\r\n"
            f"Authorization: Bearer {service.development_token}\r\nMlrelease-Actor: anna\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@on_sqlite
@pytest.mark.usefixtures("churn")
def test_long_names_are_refused_before_they_are_looked_up(anna: httpx.Client) -> None:
    for body in ({"model": "x" * 300_000, "job": "j"}, {"model": "churn", "job": "j" * 256}):
        problem = problem_of(anna.post("/v1/releases", json=body), 422, "malformed")
        assert len(problem["detail"]) < 1000


@on_sqlite
@pytest.mark.parametrize("actor", ["", "x" * 101])
def test_actor_that_is_no_name_is_refused(anna: httpx.Client, churn: str, actor: str) -> None:
    answer = anna.post("/v1/releases", json={"model": churn, "job": "j"}, headers={"Mlrelease-Actor": actor})

    problem_of(answer, 422, "malformed")


@on_sqlite
def test_details_of_a_refusal_replace_nothing_of_the_document(
    anna: httpx.Client, waiting: str, worker: InstantWorker
) -> None:
    """A refusal may tell a state or a code of its own: the members of the standard stay what they are."""
    as_json(approve(anna, waiting))
    worker.complete(waiting, "prod")

    problem = problem_of(approve(anna, waiting), 409, "nothing_to_decide")

    assert problem["title"] == "Conflict"


@on_sqlite
def test_what_nobody_foresaw_is_a_problem_without_its_traceback(
    anna: httpx.Client, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_anything: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(service.service), "read", break_down)

    answer = anna.get("/v1/releases")

    problem_of(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    monkeypatch.undo()
    assert anna.get("/v1/releases").status_code == 200
