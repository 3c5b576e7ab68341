"""What would begin in a freeze waits, and begins by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.execution.timers import do_what_is_due
from app.identity.actor import SERVICE
from app.releases.locks import lock_release
from app.releases.tables import Rollout
from app.releasing.advance import may_begin
from app.releasing.work import Work
from tests.api.playing import Worker, approve, as_json
from tests.api.serving import problem_of

Json = dict[str, Any]


def freeze(client: httpx.Client, **more: Any) -> str:
    created: str = as_json(client.post("/v1/freezes", json={"reason": "Nobody is there.", **more}))["id"]
    return created


def look(worker: Worker, rollout: str, *, hours: float = 0) -> None:
    with Work(worker.releasing, SERVICE, now=datetime.now(UTC) + timedelta(hours=hours)).transaction() as work:
        do_what_is_due(work, rollout)


def prod_of(client: httpx.Client, release: str) -> Json:
    seen: Json = as_json(client.get(f"/v1/releases/{release}"))["rollouts"][1]
    return seen


def test_approved_in_a_freeze_is_scheduled_and_begins_afterwards(
    worker: Worker, anna: httpx.Client, waiting: str
) -> None:
    freeze(anna, minutes=60, stage="prod")

    as_json(approve(anna, waiting))

    seen = prod_of(anna, waiting)
    assert (seen["status"], seen["code"]) == ("scheduled", "frozen")
    assert "Nobody is there (anna)" in seen["sentence"]
    look(worker, f"{waiting}:prod", hours=0.5)
    assert prod_of(anna, waiting)["status"] == "scheduled"
    look(worker, f"{waiting}:prod", hours=1.1)
    assert prod_of(anna, waiting)["status"] == "queued"


def test_hold_keeps_out_until_it_is_ended(worker: Worker, anna: httpx.Client, waiting: str) -> None:
    hold = freeze(anna, target="sub/rg/ws/prod")
    as_json(approve(anna, waiting))
    assert prod_of(anna, waiting)["code"] == "held"
    look(worker, f"{waiting}:prod", hours=10_000)
    assert prod_of(anna, waiting)["status"] == "scheduled"

    assert anna.delete(f"/v1/freezes/{hold}").status_code == 204
    look(worker, f"{waiting}:prod")

    assert prod_of(anna, waiting)["status"] == "queued"
    problem_of(anna.delete(f"/v1/freezes/{hold}"), 404, "freeze_not_found")


def test_what_is_queued_when_a_freeze_begins_does_not_begin(worker: Worker, anna: httpx.Client, waiting: str) -> None:
    as_json(approve(anna, waiting))
    freeze(anna, minutes=60)

    # What two processes take for the database's clock may be some milliseconds apart.
    now = worker.database.now() + timedelta(seconds=1)
    with Work(worker.releasing, SERVICE, now=now).transaction() as work:
        release = lock_release(work, waiting)
        rollout = work.get_one(Rollout, f"{waiting}:prod")
        assert not may_begin(work, release, rollout)

    assert prod_of(anna, waiting)["status"] == "scheduled"


@pytest.mark.parametrize("about", [{"model": "other"}, {"stage": "dev"}, {"target": "sub/rg/ws/dev"}])
def test_freeze_of_something_else_keeps_nothing_out(anna: httpx.Client, waiting: str, about: Json) -> None:
    freeze(anna, minutes=60, **about)

    assert as_json(approve(anna, waiting))["status"] == "queued"


def test_freezes_are_listed_with_whether_they_are_in_force(anna: httpx.Client) -> None:
    weekly = {"starts": "2026-01-02T18:00:00", "recurs": "FREQ=WEEKLY;BYDAY=FR", "time_zone": "Europe/Berlin"}
    freeze(anna, minutes=1, **weekly)
    hold = freeze(anna, model="churn")

    listed = as_json(anna.get("/v1/freezes", params={"model": "churn"}))["items"]

    assert [(each["is_hold"], each["recurs"]) for each in listed] == [(True, None), (False, "FREQ=WEEKLY;BYDAY=FR")]
    seen = as_json(anna.get(f"/v1/freezes/{hold}"))
    assert (seen["is_in_force"], seen["until"]) == (True, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"starts": "2026-01-02T18:00:00+01:00"},
        {"recurs": "FREQ=WEEKLY"},
        {"recurs": "FREQ=SECONDLY", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"recurs": "FREQ=WEEKLY;BYDAY=NEVER", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"recurs": "FREQ=DAILY;UNTIL=20250101T000000", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"recurs": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"recurs": "FREQ=DAILY;BYHOUR=3", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"recurs": "FREQ=DAILY;INTERVAL=0", "starts": "2026-01-02T18:00:00", "minutes": 5},
        {"reason": "  "},
    ],
)
def test_freeze_that_makes_no_sense_is_refused(anna: httpx.Client, wrong: Json) -> None:
    problem_of(anna.post("/v1/freezes", json={"reason": "So.", **wrong}), 422, "freeze_invalid")
