"""Each answer has the id under which its request is found in the log and among the events."""

from typing import Any

import httpx
import pytest
import structlog

from app.events.tables import Event
from tests.api.playing import ask
from tests.api.serving import Served, problem_of

pytestmark = pytest.mark.usefixtures("lines")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the service logs, filled in as it is written."""
    written: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, said: structlog.types.EventDict) -> structlog.types.EventDict:
        written.append({**structlog.contextvars.get_contextvars(), **said})
        raise structlog.DropEvent

    # Loggers of their own: an earlier test of this process may have had the real ones set up for good.
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[keep])
    monkeypatch.setattr("app.api.request_log.log", log)
    monkeypatch.setattr("app.events.work.log", log)
    return written


def _requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in lines if each["event"] == "request"]


def test_request_is_one_line_with_route_actor_status_and_time(anna: httpx.Client, lines: list[dict[str, Any]]) -> None:
    problem_of(anna.get("/v1/releases/churn-1", headers={"X-Request-Id": "ci-7"}), 404, "release_not_found")

    (line,) = _requests(lines)
    assert line["method"] == "GET"
    assert line["route"] == "/v1/releases/{release_id}"
    assert line["path"] == "/v1/releases/churn-1"
    assert (line["status"], line["actor"], line["request_id"]) == (404, "anna", "ci-7")
    assert 0 < line["milliseconds"] < 60_000


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 101, "line\tend"])
def test_request_without_an_id_that_can_be_kept_is_given_one(anna: httpx.Client, sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-Id": sent}

    ids = [anna.get("/v1/releases", headers=headers).headers["X-Request-Id"] for _ in range(2)]

    assert len(set(ids)) == 2
    assert all(len(each) == 32 for each in ids)


def test_every_refusal_has_it_too(service: Served, lines: list[dict[str, Any]]) -> None:
    nobody, headers = service.client(None), {"X-Request-Id": "mine"}
    for answer in (
        nobody.get("/v1/releases", headers=headers),
        nobody.get("/nowhere", headers=headers),
        nobody.post("/v1/releases", content=b"{", headers=headers),
        nobody.get("/", headers=headers),
    ):
        assert answer.headers["X-Request-Id"] == "mine"

    assert [(each["status"], each["actor"]) for each in _requests(lines)] == [
        (401, None),
        (404, None),
        (401, None),
        (401, None),
    ]


def test_event_is_told_once_it_is_committed_with_the_request_that_made_it(
    anna: httpx.Client, churn: str, service: Served, lines: list[dict[str, Any]]
) -> None:
    asked = ask(anna, model=churn)

    with service.service.database.read() as session:
        made = session.get_one(Event, asked["revision"])
    told = next(each for each in lines if each["event"] == "release.created")
    assert (told["number"], told["release"], told["actor"]) == (made.seq, asked["id"], "anna")
    assert told["request_id"] == made.request_id


def test_health_and_polls_that_find_nothing_new_are_not_logged(
    anna: httpx.Client, release: str, lines: list[dict[str, Any]]
) -> None:
    known = anna.get(f"/v1/releases/{release}").headers["ETag"]
    lines.clear()

    assert anna.get("/health/ready").status_code == 200
    assert anna.get(f"/v1/releases/{release}", headers={"If-None-Match": known}).status_code == 304

    assert _requests(lines) == []
