"""Adoption: what is at an endpoint is shown, approved, and on record from then on. What serves goes on serving."""

from typing import Any

from app.chat.difference import difference_lines
from app.identity.actor import SERVICE
from app.planning.observed import Observed
from app.releases.queries import get_rollout
from app.serving.scans import recorded_at
from app.web.question import read_question
from tests.api.playing import approve, as_json
from tests.drift.there import ADOPT, BLUE, TARGET, adopted, endpoint, foreign, put_there, stored
from tests.guardrails.playing import Platform, stage

Json = dict[str, Any]


def looked_at(platform: Platform) -> Json:
    run = as_json(platform.anna.post(f"{ADOPT}/dry-run"))
    platform.worker.dry_run(run["id"])
    return as_json(platform.anna.get(f"/v1/dry-runs/{run['id']}"))


def record(platform: Platform) -> Observed:
    with platform.worker.database.read() as session:
        return recorded_at(session, stored(platform))


def test_what_is_there_is_shown_before_and_on_record_afterwards(platform: Platform) -> None:
    platform.apply(stage())
    put_there(platform, foreign())

    seen = looked_at(platform)
    asked = adopted(platform, seen=seen["stages"][0]["found_digest"], note="made by ops")
    done = platform.carried_out(asked["id"])

    assert seen["state"] == "passed"
    assert seen["stages"][0]["plan"]["steps"][0]["config"]["found"]["traffic"] == {"blue": 100}
    assert (seen["stages"][0]["replaces"], seen["stages"][0]["difference"]) == (None, None)
    assert (done["status"], done["purpose"]) == ("succeeded", "adoption")
    assert done["sentence"] == "Adopted in prod as it was."
    assert [step["key"] for step in done["rollouts"][0]["steps"]] == ["adopt_target"]
    assert record(platform).deployments == (BLUE,)
    assert record(platform).traffic == {"blue": 100}
    assert [each["kind"] for each in events(platform) if each["kind"] == "traffic.changed"] == ["traffic.changed"]


def events(platform: Platform) -> list[Json]:
    found: list[Json] = as_json(platform.anna.get("/v1/events", params={"limit": 200}))["items"]
    return found


def test_people_approve_it_under_the_policy_of_the_stage(platform: Platform) -> None:
    platform.apply(stage(approval="required"))
    put_there(platform, foreign())

    asked = adopted(platform)
    answer = approve(platform.boris, asked["id"], "prod")
    done = platform.carried_out(asked["id"])

    assert asked["status"] == "pending_approval"
    assert answer.is_success, answer.text
    assert done["status"] == "succeeded"


def refusal(platform: Platform, **body: Any) -> str:
    release = adopted(platform, **body)
    assert release["status"] == "failed", release["sentence"]
    assert release["rollouts"] == []
    code: str = release["code"]
    return code


def test_what_cannot_be_adopted_is_refused_with_what_to_do(platform: Platform) -> None:
    platform.apply(stage())
    nothing = refusal(platform)
    put_there(platform, foreign(endpoint=endpoint(**{"mlrelease.model": "fraud"})))
    others = refusal(platform)
    put_there(platform, foreign())
    changed = refusal(platform, seen="sha256:of-something-else")
    platform.carried_out(adopted(platform)["id"])
    again = refusal(platform)

    assert (nothing, others, changed, again) == ("endpoint_not_found", "not_ours", "target_changed", "nothing_to_adopt")
    assert looked_at(platform)["code"] == "nothing_to_adopt"
    assert stored(platform).id == TARGET


def test_endpoint_that_has_another_models_tag_by_now_is_theirs_whatever_is_on_record(platform: Platform) -> None:
    platform.apply(stage())
    put_there(platform, foreign())
    platform.carried_out(adopted(platform)["id"])
    put_there(platform, foreign(endpoint=endpoint(**{"mlrelease.model": "fraud"}), traffic={}))

    assert refusal(platform) == "not_ours"


def test_stage_that_the_definition_has_not_is_refused_at_once(platform: Platform) -> None:
    platform.apply(stage())

    answer = platform.anna.post("/v1/models/churn/stages/nope/adopt", json={})

    assert answer.status_code == 422
    assert answer.json()["code"] == "stage_unknown"


def test_adoption_supersedes_no_release_that_waits_and_makes_none_overtaken(platform: Platform) -> None:
    platform.apply(stage(approval="required"))
    waits = platform.prepared()
    put_there(platform, foreign())

    asked = adopted(platform)
    approve(platform.boris, asked["id"], "prod")
    platform.carried_out(asked["id"])
    still = platform.look(waits["id"])
    approve(platform.boris, waits["id"], "prod")
    done = platform.carried_out(waits["id"])

    assert still["status"] == "pending_approval"
    assert done["status"] == "succeeded", done["sentence"]


def test_drift_is_adopted_as_it_is(platform: Platform) -> None:
    platform.apply(stage())
    put_there(platform, foreign())
    platform.carried_out(adopted(platform)["id"])
    green = BLUE.model_copy(update={"name": "green"})
    put_there(platform, foreign(traffic={"green": 100}, deployments=(green,)))

    asked = adopted(platform)
    plan = platform.plan_of(asked["id"])
    platform.carried_out(asked["id"])

    config = plan["steps"][0]["config"]
    assert config["gone"] == ["blue"]
    assert [each["kind"] for each in config["differences"]] == ["traffic", "missing_deployment", "unknown_deployment"]
    assert record(platform).traffic == {"green": 100}
    assert [each.name for each in record(platform).deployments] == ["green"]


def test_people_who_decide_see_what_is_there(platform: Platform) -> None:
    platform.apply(stage(approval="required"))
    put_there(platform, foreign())
    asked = adopted(platform)

    with platform.worker.database.read() as session:
        lines = difference_lines(session, get_rollout(session, asked["id"], "prod"))
        question = read_question(session, SERVICE, asked["id"], "prod", now=platform.worker.context.now())
    answer = as_json(platform.anna.get(f"/v1/releases/{asked['id']}/rollouts/prod/plan"))

    assert lines == [f"blue, made by others: 100% of the traffic, model {BLUE.model}, 1 × Standard_E2s_v3."]
    assert (question.title, list(question.found), question.compared) == ("What is there", lines, ())
    assert (answer["replaces"], answer["difference"]) == (None, None)
