"""Somebody who may write rows changes what a release does, or who must be asked: the worker goes by the chain of events."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from app.releases.plans import digest_of
from app.releases.tables import StoredPlan
from tests.api.playing import approve, as_json
from tests.guardrails.conftest import plain_logs, platform, service, settings
from tests.guardrails.playing import Platform, stage

__all__ = ["plain_logs", "platform", "service", "settings"]

DEV = stage("dev", workspace="ws-dev", endpoint="churn-dev", key_vault="kv-dev")


def write(platform: Platform, statement: str, **values: object) -> None:
    with platform.worker.database.write() as session:
        session.connection().execute(text(statement), values)


def steps_of(release: dict[str, Any]) -> dict[str, str]:
    return {step["key"]: step["status"] for step in release["rollouts"][0]["steps"]}


@pytest.fixture
def queued(platform: Platform) -> str:
    """A release that nobody need approve."""
    platform.apply(stage())
    release: str = platform.prepared()["id"]
    return release


def test_step_whose_config_was_changed_is_not_carried_out(platform: Platform, queued: str) -> None:
    with platform.worker.database.write() as session:
        plan = session.exec(select(StoredPlan)).one()
        plan.document = json.loads(json.dumps(plan.document).replace("kv-prod", "kv-of-mallory"))

    ended = platform.carried_out(queued)

    assert (ended["status"], ended["code"]) == ("failed", "plan_not_on_record")
    assert "succeeded" not in steps_of(ended).values()


def test_rollout_that_was_given_a_plan_with_other_steps_is_carried_out_by_the_one_on_record(
    platform: Platform, queued: str
) -> None:
    short = platform.plan_of(queued)
    short["steps"] = [each for each in short["steps"] if each["kind"] != "confirm_serving"]
    with platform.worker.database.write() as session:
        session.add(StoredPlan(digest=digest_of(short), document=short))
    write(platform, "UPDATE rollout SET plan_digest = :digest", digest=digest_of(short))

    ended = platform.carried_out(queued)

    assert ended["status"] == "succeeded"
    assert steps_of(ended)["confirm_serving"] == "succeeded"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE step_run SET key = 'publish_twice' WHERE position = 0",
        "UPDATE rollout SET target = 'a/b/c/churn-of-others'",
        "UPDATE release SET definition_id = (SELECT max(id) FROM definition_version)",
        "UPDATE step_run SET status = 'succeeded' WHERE key = 'verify_deployment'",
    ],
)
def test_rollout_whose_rows_were_changed_moves_no_traffic(platform: Platform, queued: str, statement: str) -> None:
    platform.apply(stage(), golden_json='[{"request": {"data": [2]}, "expect": {"x": 1}}]')

    write(platform, statement)
    ended = platform.carried_out(queued)

    assert (ended["status"], ended["code"]) == ("failed", "step_not_on_record")
    assert steps_of(ended)["shift_traffic"] in {"failed", "skipped"}


@pytest.fixture
def asking(platform: Platform) -> str:
    """A release that waits for people."""
    platform.apply(stage(approval="{count: 2}"))
    release = platform.prepared()
    assert release["status"] == "pending_approval"
    found: str = release["id"]
    return found


def test_rollout_that_is_said_to_be_under_way_without_an_approval_does_nothing(platform: Platform, asking: str) -> None:
    write(platform, "UPDATE rollout SET status = 'in_progress'")

    ended = platform.carried_out(asking)

    assert ended["code"] == "step_not_on_record"
    assert "succeeded" not in steps_of(ended).values()


@pytest.mark.parametrize("more", ["", ", needs_approval = FALSE", ", emergency = TRUE, needs_approval = FALSE"])
def test_rollout_that_is_said_to_need_nobody_asks_all_the_same(platform: Platform, asking: str, more: str) -> None:
    write(platform, f"UPDATE rollout SET status = 'queued'{more}")  # noqa: S608 - ours

    assert platform.carried_out(asking)["status"] == "pending_approval"


def test_plan_of_ones_own_is_asked_about_as_the_one_on_record(platform: Platform, asking: str) -> None:
    lax = {**platform.plan_of(asking), "approval": {"count": 1, "self_approval": True}}
    with platform.worker.database.write() as session:
        session.add(StoredPlan(digest=digest_of(lax), document=lax))
    write(platform, "UPDATE rollout SET plan_digest = :digest", digest=digest_of(lax))
    assert approve(platform.boris, asking).is_success

    assert platform.carried_out(asking)["status"] == "pending_approval"
    assert platform.plan_of(asking)["approval"]["count"] == 2


def test_glass_that_is_said_to_be_broken_gets_past_no_freeze(platform: Platform, queued: str) -> None:
    assert platform.anna.post("/v1/freezes", json={"reason": "hold"}).is_success
    write(platform, "UPDATE rollout SET emergency = TRUE")

    assert platform.carried_out(queued)["status"] == "scheduled"


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE "freeze" SET deleted_by = created_by, deleted_at = created_at',
        "UPDATE \"freeze\" SET model = 'fraud'",
        "UPDATE \"freeze\" SET minutes = 1, starts = '2026-01-01T00:00:00'",
        'DELETE FROM "freeze"',
    ],
)
def test_freeze_that_was_lifted_past_the_service_holds(platform: Platform, queued: str, statement: str) -> None:
    made = as_json(platform.anna.post("/v1/freezes", json={"reason": "hold", "stage": "prod"}))
    write(platform, statement)

    held = platform.carried_out(queued)

    assert (held["status"], held["code"]) == ("scheduled", "held")
    assert [each["id"] for each in as_json(platform.anna.get("/v1/freezes"))["items"]] == [made["id"]]
    assert platform.anna.delete(f"/v1/freezes/{made['id']}").is_success
    assert as_json(platform.anna.get("/v1/freezes"))["items"] == []
