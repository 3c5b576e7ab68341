"""Each target is compared with Azure now and then: an event says when it differs, when that changes, and when it does no more."""

from datetime import timedelta
from typing import Any

import pytest

from app.azureml.errors import Throttled
from app.events.work import UnitOfWork
from app.execution.timers import Timer
from app.identity.actor import SERVICE
from app.planning.observed import Observed
from app.serving.scans import ask_for_scan
from app.serving.tables import StoredTarget
from app.steps.read_target import Found
from tests.api.playing import as_json
from tests.drift.there import TARGET, adopted, foreign, is_due, put_there, scan, stored
from tests.guardrails.playing import Platform, stage


@pytest.fixture
def adopting(platform: Platform) -> Platform:
    """Its target was adopted, and never compared since."""
    platform.apply(stage())
    put_there(platform, foreign())
    platform.carried_out(adopted(platform)["id"])
    return platform


def told(platform: Platform) -> list[tuple[str, list[str]]]:
    """Of each event of a comparison: its kind, and the kinds of what differs."""
    found = as_json(platform.anna.get("/v1/events", params={"limit": 200}))["items"]
    of_targets = [each for each in found if each["kind"].startswith("target.")]
    assert all((each["subject"], each["model"]) == (TARGET, "churn") for each in of_targets)
    return [(each["kind"], [one["kind"] for one in each["data"]["differences"]]) for each in of_targets]


def test_event_is_appended_only_when_something_changed(adopting: Platform) -> None:
    in_line = scan(adopting)
    put_there(adopting, foreign(traffic={"blue": 90, "green": 10}))
    drifted = [scan_again(adopting), scan_again(adopting)]
    put_there(adopting, foreign(traffic={"blue": 90, "green": 10}, mirror={"green": 5}))
    more = scan_again(adopting)
    put_there(adopting, foreign())
    ended = scan_again(adopting)

    assert (in_line.drift, in_line.drifted_at) == ([], None)
    assert in_line.scanned_at is not None
    assert [each.kind.value for each in drifted[1].differences] == ["traffic"]
    assert drifted[0].drifted_at == drifted[1].drifted_at == more.drifted_at is not None
    assert (ended.drift, ended.drifted_at) == ([], None)
    assert told(adopting) == [
        ("target.drifted", ["traffic"]),
        ("target.drifted", ["traffic", "mirror_traffic"]),
        ("target.in_line", []),
    ]


def scan_again(platform: Platform) -> StoredTarget:
    """As when somebody asked for it."""
    with UnitOfWork(platform.worker.database, SERVICE).transaction() as work:
        ask_for_scan(work, work.get_one(StoredTarget, TARGET))
    return scan(platform)


def test_rotated_keys_and_a_missing_endpoint_are_drift(adopting: Platform) -> None:
    put_there(adopting, foreign(), stale_secrets=("churn-prod-primary-key",))
    rotated = scan(adopting)
    put_there(adopting, Observed())
    missing = scan_again(adopting)

    assert [each.kind.value for each in rotated.differences] == ["secrets"]
    assert [each.kind.value for each in missing.differences] == ["missing_endpoint"]


def test_it_is_due_at_once_and_then_in_the_interval(adopting: Platform) -> None:
    now = adopting.worker.context.now()
    at_once = is_due(adopting, now=now), is_due(adopting, now=now, scheduled=False)
    after = scan(adopting)
    assert after.next_scan_at is not None
    assert after.scanned_at is not None

    assert at_once == (True, False)
    assert after.next_scan_at - after.scanned_at == timedelta(seconds=adopting.worker.context.settings.drift_seconds)
    assert not is_due(adopting, now=now)
    assert is_due(adopting, now=after.next_scan_at)


def test_what_somebody_changes_just_now_is_compared_a_little_later(adopting: Platform) -> None:
    put_there(adopting, foreign(traffic={}), changing="endpoint churn-prod is updating")

    row = scan(adopting)

    assert (row.drift, row.scanned_at) == ([], None)
    assert row.scan_problem == "Not compared: endpoint churn-prod is updating."
    assert not is_due(adopting, now=adopting.worker.context.now())


def test_azure_that_does_not_answer_is_said_and_asked_again(
    adopting: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Found:
        raise Throttled("Too many requests.")

    scan(adopting)
    monkeypatch.setattr(adopting.worker.hands, "read_target", refuse)
    row = scan_again(adopting)

    assert (row.scan_problem, row.drift) == ("Too many requests.", [])
    assert row.next_scan_at is not None
    assert is_due(adopting, now=row.next_scan_at)


def test_target_is_not_compared_while_a_rollout_moves_it(adopting: Platform) -> None:
    put_there(adopting, foreign(traffic={"blue": 50, "green": 50}))
    release = adopting.prepared()
    now = adopting.worker.context.now()

    with adopting.worker.under_way(release["id"], "prod", at="create_endpoint"):
        moved = is_due(adopting, now=now), scan(adopting).scanned_at
    put_there(adopting, Observed())

    assert moved == (False, None)
    assert told(adopting) == []


def test_what_was_read_while_a_rollout_ended_is_not_believed(
    adopting: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = adopting.prepared()
    read = adopting.worker.hands.read_target

    def read_and_end(*asked: Any) -> Found:
        found = read(*asked)
        adopting.carried_out(release["id"])
        return found

    monkeypatch.setattr(adopting.worker.hands, "read_target", read_and_end)
    row = scan(adopting)

    assert row.scanned_at is None
    assert row.next_scan_at is not None
    assert row.next_scan_at <= adopting.worker.context.now()
    assert told(adopting) == []


def test_what_may_have_been_read_before_somebody_asked_is_compared_again(
    adopting: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = adopting.worker.hands.read_target

    def read_before_it_changes(*asked: Any) -> Found:
        found = read(*asked)
        monkeypatch.setattr(adopting.worker.hands, "read_target", read)
        put_there(adopting, foreign(traffic={}))
        adopting.anna.post(f"/v1/targets/{TARGET}/drift").raise_for_status()
        return found

    monkeypatch.setattr(adopting.worker.hands, "read_target", read_before_it_changes)
    before = scan(adopting)
    after = scan(adopting)

    assert before.scanned_at is None
    assert before.next_scan_at is not None
    assert before.next_scan_at <= adopting.worker.context.now()
    assert [each.kind.value for each in after.differences] == ["traffic"]


def test_timer_of_a_worker_compares_what_is_due(adopting: Platform) -> None:
    put_there(adopting, foreign(traffic={}))

    for each in Timer(adopting.worker.context).begin_due():
        each.result(30)

    assert [each.kind.value for each in stored(adopting).differences] == ["traffic"]
