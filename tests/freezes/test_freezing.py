"""What would begin in a freeze waits, and begins by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import SUBSCRIPTION
from tests.api.playing import approve, as_json
from tests.api.serving import problem_of
from tests.instant import InstantWorker

Json = dict[str, Any]

DEV, PROD = (f"{SUBSCRIPTION}/rg-ml/ws-{stage}/churn-{stage}" for stage in ("dev", "prod"))


def freeze(client: httpx.Client, **more: Any) -> str:
    created: str = as_json(client.post("/v1/freezes", json={"reason": "Nobody is there.", **more}))["id"]
    return created


def look(worker: InstantWorker, release: str, *, hours: float = 0) -> None:
    worker.look(release, "prod", now=datetime.now(UTC) + timedelta(hours=hours))


def prod_of(client: httpx.Client, release: str) -> Json:
    seen: Json = as_json(client.get(f"/v1/releases/{release}"))["rollouts"][1]
    return seen


def test_approved_in_a_freeze_is_scheduled_and_begins_afterwards(
    worker: InstantWorker, anna: httpx.Client, waiting: str
) -> None:
    freeze(anna, minutes=60, stage="prod")

    as_json(approve(anna, waiting))

    seen = prod_of(anna, waiting)
    assert (seen["status"], seen["code"]) == ("scheduled", "frozen")
    assert "Nobody is there (anna)" in seen["sentence"]
    look(worker, waiting, hours=0.5)
    assert prod_of(anna, waiting)["status"] == "scheduled"
    look(worker, waiting, hours=1.1)
    assert prod_of(anna, waiting)["status"] == "queued"


def test_hold_keeps_out_until_it_is_ended(worker: InstantWorker, anna: httpx.Client, waiting: str) -> None:
    hold = freeze(anna, target=PROD)
    as_json(approve(anna, waiting))
    assert prod_of(anna, waiting)["code"] == "held"
    look(worker, waiting, hours=10_000)
    assert prod_of(anna, waiting)["status"] == "scheduled"

    assert anna.delete(f"/v1/freezes/{hold}").status_code == 204
    look(worker, waiting)

    assert prod_of(anna, waiting)["status"] == "queued"
    problem_of(anna.delete(f"/v1/freezes/{hold}"), 404, "freeze_not_found")


def test_what_is_queued_when_a_freeze_begins_does_not_begin(
    worker: InstantWorker, anna: httpx.Client, waiting: str
) -> None:
    as_json(approve(anna, waiting))
    freeze(anna, minutes=60)

    worker.carry_out(waiting, "prod")

    assert prod_of(anna, waiting)["status"] == "scheduled"
    assert {step["status"] for step in prod_of(anna, waiting)["steps"]} == {"pending"}


@pytest.mark.parametrize("about", [{"model": "other"}, {"stage": "dev"}, {"target": DEV}])
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
