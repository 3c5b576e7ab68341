"""A stage that asks for soak begins once its release has served in the earlier stage for long enough, and not otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.releases.states import Status
from tests.api.conftest import on_sqlite, plain_logs, service, settings
from tests.api.playing import approve, as_json
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage

Json = dict[str, Any]

__all__ = ["plain_logs", "platform", "service", "settings"]

pytestmark = on_sqlite

SOAK = "    after: {stage: dev, serving_for: 24h}\n"
GLASS = "{break_glass: {count: 2}, self_approval: true}"
DEV = stage("dev", workspace="ws-dev", endpoint="churn-dev", key_vault="kv-dev")


def prod(approval: str = "none", soak: str = SOAK) -> str:
    return stage(approval=approval) + soak


def prod_of(platform: Platform, release: str) -> Json:
    seen: Json = platform.look(release)["rollouts"][-1]
    return seen


def in_dev(platform: Platform, **more: Any) -> str:
    """The id of a release that serves in dev."""
    release = platform.prepared(**more)["id"]
    platform.worker.complete(release, "dev")
    return str(release)


def look(platform: Platform, release: str, *, hours: float) -> str:
    """Its status in prod, after what is due that much later."""
    platform.worker.look(release, "prod", now=datetime.now(UTC) + timedelta(hours=hours))
    return str(prod_of(platform, release)["status"])


def test_a_stage_begins_when_its_release_has_served_long_enough_in_the_earlier_one(platform: Platform) -> None:
    platform.apply(DEV, prod())

    release = in_dev(platform)

    seen = prod_of(platform, release)
    assert (seen["status"], seen["code"]) == ("scheduled", "soaking")
    assert seen["sentence"].startswith("Must have served in dev for 24h, which it will have at ")
    assert look(platform, release, hours=23.9) == "scheduled"
    assert look(platform, release, hours=24.1) == "queued"
    assert platform.plan_of(release)["after"]["serving_for"] == "24h"


def test_people_may_approve_meanwhile_and_it_begins_by_itself(platform: Platform) -> None:
    platform.apply(DEV, prod("required"))
    release = in_dev(platform)
    assert prod_of(platform, release)["status"] == "pending_approval"

    as_json(approve(platform.boris, release))

    assert prod_of(platform, release)["code"] == "soaking"
    assert look(platform, release, hours=24.1) == "queued"


def test_an_approval_after_the_time_begins_it_at_once(platform: Platform) -> None:
    platform.apply(DEV, prod("required", "    after: {stage: dev, serving_for: 1m}\n"))
    release = in_dev(platform)
    with platform.worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE traffic_share SET from_at = '2026-01-01 00:00:00'")

    assert as_json(approve(platform.boris, release))["status"] == "queued"


def test_what_is_replaced_in_the_earlier_stage_is_superseded(platform: Platform) -> None:
    platform.apply(DEV, prod())
    older = in_dev(platform)

    in_dev(platform, stages=["dev"])

    seen = prod_of(platform, older)
    assert (seen["status"], seen["code"]) == ("superseded", "soak_ended")
    assert (
        "Does not serve in dev any more, before the 24h that it must have served there were over: churn-2"
        in seen["sentence"]
    )


def test_what_waits_for_people_is_superseded_too_and_nobody_can_approve_it(platform: Platform) -> None:
    platform.apply(DEV, prod("required"))
    older = in_dev(platform)

    in_dev(platform, stages=["dev"])

    assert prod_of(platform, older)["status"] == "superseded"
    assert approve(platform.boris, older).status_code == 409


def test_what_loses_its_traffic_to_others_fails_when_its_time_would_be_over(platform: Platform) -> None:
    platform.apply(DEV, prod())
    release = in_dev(platform)
    with platform.worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE traffic_share SET to_at = CURRENT_TIMESTAMP")

    assert look(platform, release, hours=24.1) == "failed"

    assert prod_of(platform, release)["sentence"].endswith("were over: nothing serves there.")


def test_a_release_to_the_later_stage_alone_needs_its_content_to_serve_in_the_earlier_one(platform: Platform) -> None:
    platform.apply(DEV, prod())
    platform.worker.content = {"model_digest": "sha256:one"}

    nothing = platform.prepared(stages=["prod"])
    in_dev(platform, stages=["dev"])
    same = platform.prepared(stages=["prod"])
    platform.worker.content = {"model_digest": "sha256:another"}
    other = platform.prepared(stages=["prod"])

    assert (nothing["status"], nothing["code"]) == ("failed", "soak_not_begun")
    assert "Release it to dev first, or to both stages at once." in nothing["sentence"]
    assert (same["status"], same["code"]) == ("scheduled", "soaking")
    assert other["code"] == "soak_not_begun"
    assert look(platform, same["id"], hours=24.1) == "queued"


def test_break_glass_bypasses_it(platform: Platform) -> None:
    platform.apply(DEV, prod(GLASS))
    release = in_dev(platform)

    for person in (platform.anna, platform.boris):
        as_json(approve(person, release, emergency=True, reason="Down."))

    assert prod_of(platform, release)["status"] == "queued"
    platform.worker.carry_out(release, "prod")
    assert platform.worker.status_of(release, "prod") is Status.SUCCEEDED


def test_a_freeze_keeps_out_what_has_soaked(platform: Platform) -> None:
    platform.apply(DEV, prod())
    release = in_dev(platform)
    as_json(platform.anna.post("/v1/freezes", json={"reason": "Holidays.", "minutes": 60 * 48, "stage": "prod"}))

    assert look(platform, release, hours=24.1) == "scheduled"

    assert prod_of(platform, release)["code"] == "frozen"
    assert look(platform, release, hours=48.1) == "queued"


def test_what_was_replaced_while_it_was_queued_does_not_begin(platform: Platform) -> None:
    platform.apply(DEV, prod())
    release = in_dev(platform)
    assert look(platform, release, hours=24.1) == "queued"
    with platform.worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE traffic_share SET to_at = CURRENT_TIMESTAMP")

    platform.worker.carry_out(release, "prod")

    assert prod_of(platform, release)["code"] == "soak_ended"
