"""What was released is told in the past; what serves now is looked up whenever somebody asks."""

import pytest

from app.chat.summary import read_summary
from app.planning.observed import Observed
from app.planning.plan import Replaced
from app.releases.queries import get_rollout
from app.serving.earlier import turns_at
from app.serving.queries import replaced_at, serving_now, targets_of
from app.steps.contract import Refused
from tests.api.playing import as_json
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage
from tests.serving.observing import BLUE
from tests.serving.saying import TARGET, Say, say
from tests.web.conftest import Open, plain_logs, portal, service, settings

__all__ = ["plain_logs", "platform", "portal", "say", "service", "settings"]

GOLDEN = '[{"request": {"data": [2]}, "expect": {"x": 1}}]'


@pytest.fixture
def replaced(platform: Platform) -> Platform:
    """churn-1 was released to prod, and later churn-2 of another version of the definition."""
    platform.apply(stage())
    platform.released()
    platform.apply(stage(), golden_json=GOLDEN)
    platform.released()
    return platform


def test_release_that_got_the_traffic_last_serves(replaced: Platform) -> None:
    replaced.prepared()  # one that waits its turn changes nothing

    with replaced.worker.database.read() as session:
        (serves,) = serving_now(session, TARGET)
        brought = get_rollout(session, "churn-2", "prod")
        replaces = replaced_at(session, TARGET, by="r3-abcd")
        assert (serves.release_id, serves.deployment, serves.weight) == ("churn-2", brought.deployment, 100)
        assert replaces == Replaced(
            deployment=serves.deployment, release="churn-2", plan=brought.plan_digest, model=None
        )
        assert [each.id for each in targets_of(session, "churn")] == [TARGET]


def test_where_nothing_was_released_nothing_serves(platform: Platform) -> None:
    platform.apply(stage())
    platform.prepared()

    with platform.worker.database.read() as session:
        assert serving_now(session, TARGET) == []
        assert replaced_at(session, TARGET, by="r1-abcd") is None
        assert targets_of(session, "churn") == []


def test_model_serves_no_longer_where_another_models_release_came(platform: Platform) -> None:
    platform.apply(stage())
    platform.released()
    platform.apply(stage(), model="fraud")
    platform.released(model="fraud")

    with platform.worker.database.read() as session:
        assert targets_of(session, "churn") == []
        assert [each.id for each in targets_of(session, "fraud")] == [TARGET]
        assert [each.release_id for each in serving_now(session, TARGET)] == ["fraud-1"]


def test_release_that_fails_once_it_has_the_traffic_serves_all_the_same(replaced: Platform) -> None:
    release = replaced.prepared()["id"]
    replaced.worker.fail(release, "prod", at="retire_deployments")

    with replaced.worker.database.read() as session:
        (serves,) = serving_now(session, TARGET)
        assert serves.release_id == release
        assert [each.content for each in turns_at(session, TARGET)] == ["churn-2", "churn-1"]


def test_what_a_step_has_seen_is_on_record_though_it_refused(replaced: Platform) -> None:
    release = replaced.prepared()["id"]
    seen = Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,))
    replaced.worker.fail(
        release,
        "prod",
        at="confirm_serving",
        error=Refused("Somebody changed it.", code="traffic_changed", observed=seen),
    )

    with replaced.worker.database.read() as session:
        (serves,) = serving_now(session, TARGET)
        assert (serves.deployment, serves.release_id, serves.weight) == ("blue", None, 100)
    (told,) = as_json(replaced.anna.get("/v1/models/churn"))["serving"]
    assert (told["deployment"], told["release"]) == ("blue", None)


def test_release_that_is_tried_again_still_replaces_what_served_before_it(replaced: Platform) -> None:
    release = replaced.prepared()["id"]
    replaced.worker.fail(release, "prod", at="retire_deployments")
    assert replaced.anna.post(f"/v1/releases/{release}/retry").is_success
    replaced.worker.complete(release, "prod")

    plan = as_json(replaced.anna.get(f"/v1/releases/{release}/rollouts/prod/plan"))
    assert plan["replaces"] == "churn-2"


def test_api_tells_the_past_of_a_release_and_what_serves_of_its_target(replaced: Platform) -> None:
    first = replaced.look("churn-1")
    plans = [as_json(replaced.anna.get(f"/v1/releases/churn-{each}/rollouts/prod/plan")) for each in (1, 2)]
    (serving,) = as_json(replaced.anna.get("/v1/models/churn"))["serving"]

    assert first["sentence"] == "Released to prod."
    assert first["rollouts"][0]["sentence"].startswith("Released to churn-prod as ")
    assert [[(each["release"], each["weight"]) for each in plan["serves"]] for plan in plans] == [
        [("churn-2", 100)],
        [("churn-2", 100)],
    ]
    assert [plan["replaces"] for plan in plans] == [None, "churn-1"]
    assert {"stage": "prod", "endpoint": "churn-prod", "release": "churn-2", "weight": 100}.items() <= serving.items()
    moved = {step["key"]: step for step in replaced.look("churn-2")["rollouts"][0]["steps"]}["shift_traffic"]
    assert serving["since"] == moved["finished_at"]


@pytest.mark.usefixtures("replaced")
def test_pages_tell_the_past_of_a_release_and_what_serves_there(portal: Open) -> None:
    boris = portal("boris")

    for page in ("/releases/churn-1/rollouts/prod", "/releases/churn-1"):
        shown = boris.get(page).text
        assert "Released to " in shown
        assert '<a href="/releases/churn-2">churn-2</a>' in shown
        for of_now in ("Nothing serves", "The first release", "Serves prod", "this release</dd>"):
            assert of_now not in shown
    newest = boris.get("/releases/churn-2/rollouts/prod").text
    assert "Nothing served there before." in boris.get("/releases/churn-1/rollouts/prod").text
    assert "which it replaced." in newest
    assert "fields changed" in newest
    assert "this release</dd>" in newest


@pytest.mark.usefixtures("replaced")
def test_command_line_tells_the_past_of_a_release_and_where_a_model_serves(say: Say) -> None:
    assert "Released to prod." in say("release", "show", "churn-1")
    assert "churn-1" not in (shown := say("models", "show", "churn"))
    assert "churn-2" in shown


def test_chat_tells_the_past_of_a_release(replaced: Platform) -> None:
    with replaced.worker.database.read() as session:
        first, second = (read_summary(session, f"churn-{each}:prod") for each in (1, 2))

    assert first is not None
    assert second is not None
    assert first.title == "churn-1 for prod was released"
    assert first.sentence.startswith("Released to churn-prod as ")
    assert second.difference[0] == "release: churn-1 → churn-2"
