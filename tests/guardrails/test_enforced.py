"""Guardrails at work: when a definition is applied, a release planned, voted on, begun, and when the file has changed since."""

from pathlib import Path

import httpx
import pytest

from app.execution.poll_jobs import poll_job
from app.guardrails.file import read_guardrails
from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION, on_sqlite
from tests.api.playing import apply, approve, as_json, ask, upload
from tests.api.serving import serving
from tests.bundles.tars import tar_of
from tests.guardrails.playing import Platform, defined, stage
from tests.instant import InstantWorker

pytestmark = on_sqlite

JOB = tar_of(("job.yml", b"type: command\ncommand: 'true'\nenvironment: azureml:e:1\n"))

RAILS = """\
rules:
  - name: production
    match: {{workspace: ws-prod}}
    models: [{models}]
    endpoints: ["{{model}}-prod"]
    key_vaults: [kv-prod]
    {more}
"""


def rails(models: str = "churn", more: str = "") -> str:
    return RAILS.format(models=models, more=more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "guardrails.yml"


def guarded(settings: Settings, file: Path, text: str) -> Settings:
    file.write_text(text)
    return settings.model_copy(update={"guardrails": file})


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"endpoint": "fraud-prod"}, "Endpoint fraud-prod"),
        ({"key_vault": "kv-of-others"}, "Key Vault kv-of-others"),
        ({"workspace": "ws-elsewhere"}, "No guardrail allows releases"),
        ({"workspace": "WS-PROD", "endpoint": "fraud-prod"}, "Endpoint fraud-prod"),
    ],
)
def test_definition_that_goes_where_it_may_not_is_not_applied(
    settings: Settings, file: Path, changed: dict[str, str], said: str
) -> None:
    with serving(guarded(settings, file, rails())) as served:
        anna = served.client("anna")

        answer = apply(anna, defined(stage(**changed)))

        assert problem(answer) == (403, "guardrail_refused")
        assert said in answer.json()["detail"]
        assert anna.get("/v1/models/churn").status_code == 404
        assert apply(anna, defined(stage())).status_code == 201
        assert problem(apply(anna, defined(stage(endpoint="fraud-prod"), model="fraud"))) == (403, "guardrail_refused")


def test_too_few_golden_requests_are_refused_however_often_one_is_repeated(settings: Settings, file: Path) -> None:
    one = '{"request": {"data": [1]}, "expect": {"predictions": [0]}}'
    same, empty = f"[{one}, {one}]", f'[{one}, {{"request": {{"data": [2]}}, "expect": {{}}}}]'
    two = f'[{one}, {{"request": {{"data": [2]}}, "expect": {{"predictions": [1]}}}}]'
    with serving(guarded(settings, file, rails(more="checks: {golden_requests: 2}"))) as served:
        anna = served.client("anna")
        for golden, status in ((same, 403), (empty, 403), (two, 201)):
            assert apply(anna, defined(stage(), golden_json=golden)).status_code == status


def test_definition_is_changed_by_those_that_the_rule_names_also_where_it_leaves_the_stage_out(
    settings: Settings, file: Path
) -> None:
    elsewhere = "\n  - {name: dev, match: {workspace: ws-dev}}"
    with serving(guarded(settings, file, rails(more="changed_by: {groups: [platform]}" + elsewhere))) as served:
        anna = served.client("anna")
        assert problem(apply(anna, defined(stage()))) == (403, "guardrail_refused")
        anna.headers["Mlrelease-Groups"] = "platform"
        assert apply(anna, defined(stage())).status_code == 201
        del anna.headers["Mlrelease-Groups"]
        without = stage("dev", workspace="ws-dev", endpoint="churn-dev", key_vault="kv-dev")
        assert problem(apply(anna, defined(without))) == (403, "guardrail_refused")


def test_least_policy_is_asked_for_and_shown_in_the_plan(settings: Settings, file: Path) -> None:
    configured = guarded(settings, file, rails(more="approval: {count: 2, groups: [risk]}"))
    with serving(configured) as served:
        platform = Platform(
            served.client("anna"),
            served.client("boris"),
            InstantWorker(configured, served.service.database, guardrails=read_guardrails(configured)),
        )
        platform.apply(stage(approval="none"))
        release = platform.prepared()

        assert release["status"] == "pending_approval"
        plan = platform.plan_of(release["id"])
        assert (plan["approval"]["count"], plan["approval"]["groups"]) == (2, ["risk"])
        assert plan["policy"]["raised"] == [{"by": "guardrail 'production'", "in": ["approval"]}]
        assert plan["guardrails"][0]["rule"] == "production"
        assert plan["guardrails"][0]["demands"]["endpoints"] == ["{model}-prod"]
        dry = platform.planned()["stages"][0]["plan"]
        assert (dry["approval"], dry["guardrails"]) == (plan["approval"], plan["guardrails"])
        with httpx.Client(base_url=served.url, headers={"Accept": "text/html"}, trust_env=False) as browser:
            browser.post("/login", data={"token": served.development_token, "name": "boris", "groups": ""})
            page = browser.get(f"/releases/{release['id']}/rollouts/prod").text
        assert "because of guardrail &#39;production&#39; (approval)" in page
        assert "{model}-prod" in page


def test_file_that_has_become_stricter_is_kept_when_a_stage_begins(platform: Platform, file: Path) -> None:
    platform.apply(stage())
    queued = platform.prepared()["id"]

    platform.guarded_by(file, rails(models="fraud"))
    ended = platform.carried_out(queued)

    assert (ended["status"], ended["code"]) == ("failed", "guardrail_refused")
    assert all(step["status"] == "pending" for step in ended["rollouts"][0]["steps"])
    assert platform.anna.post(f"/v1/releases/{queued}/retry").is_success
    assert platform.carried_out(queued)["code"] == "guardrail_refused"


def test_least_policy_that_is_new_is_asked_for_when_a_stage_begins(platform: Platform, file: Path) -> None:
    platform.apply(stage(approval="required"))
    release = platform.prepared()["id"]
    assert approve(platform.boris, release).is_success
    platform.guarded_by(file, rails(more="approval: {count: 1, groups: [risk]}"))

    assert platform.carried_out(release)["status"] == "pending_approval"
    assert platform.plan_of(release)["approval"]["groups"] == ["risk"]


def test_glass_that_was_broken_where_it_may_no_longer_be_is_asked_about_again(platform: Platform, file: Path) -> None:
    platform.apply(stage(approval="{count: 1, break_glass: {count: 2}}"))
    release = platform.prepared()["id"]
    for person in (platform.anna, platform.boris):
        assert approve(person, release, reason="It burns.", emergency=True).is_success
    platform.guarded_by(file, rails(more="approval: {count: 1}"))

    assert platform.carried_out(release)["status"] == "pending_approval"


def test_vote_on_what_the_guardrails_refuse_by_now_is_refused(
    platform: Platform, settings: Settings, file: Path
) -> None:
    platform.apply(stage(approval="required"))
    release = platform.prepared()["id"]
    with serving(guarded(settings, file, rails(models="fraud"))) as restarted:
        assert problem(approve(restarted.client("boris"), release)) == (403, "guardrail_refused")
        asked = restarted.client("anna").post("/v1/releases", json={"model": "churn", "job": "j"})
        assert problem(asked) == (403, "guardrail_refused")


def test_vote_is_counted_by_what_the_guardrails_demand_by_now(
    platform: Platform, settings: Settings, file: Path
) -> None:
    platform.apply(stage(approval="{count: 1, self_approval: true}"))
    release = platform.prepared()["id"]
    with serving(guarded(settings, file, rails(more="approval: {count: 1}"))) as restarted:
        assert problem(approve(restarted.client("anna"), release)) == (403, "self_approval")


def test_worker_refuses_what_the_api_let_through_without_its_guardrails(platform: Platform, file: Path) -> None:
    platform.apply(stage(key_vault="kv-of-others"))
    platform.guarded_by(file, rails())

    ended = platform.prepared()
    dry = platform.planned()

    assert (ended["status"], ended["code"]) == ("failed", "guardrail_refused")
    assert (dry["state"], dry["code"]) == ("failed", "guardrail_refused")
    assert next(each for each in dry["checks"] if each["check"] == "guardrails")["outcome"] == "failed"


def test_required_freeze_keeps_a_stage_out_and_nobody_can_delete_it(platform: Platform, file: Path) -> None:
    platform.apply(stage())
    release = platform.prepared()["id"]
    freeze = '[{reason: No releases, starts: "2026-01-01T00:00:00"}]'
    platform.guarded_by(file, rails(more=f"freezes: {freeze}"))

    held = platform.carried_out(release)

    assert held["status"] == "scheduled"
    assert "No releases (guardrails)" in held["sentence"]
    assert as_json(platform.anna.get("/v1/freezes"))["items"] == []


def test_stage_that_names_no_subscription_has_the_services(settings: Settings, file: Path) -> None:
    text = rails().replace("{workspace: ws-prod}", f"{{workspace: ws-prod, subscription: '{SUBSCRIPTION}'}}")
    with serving(guarded(settings, file, text)) as served:
        anna = served.client("anna")
        assert apply(anna, defined(stage())).status_code == 201
        other = stage() + "    subscription: 11111111-2222-3333-4444-555555555555\n"
        assert problem(apply(anna, defined(other))) == (403, "guardrail_refused")
        assert ask(anna)["status"] == "pending"


def test_job_is_not_run_nor_released_from_a_workspace_that_is_closed_to_its_model_by_now(
    platform: Platform, settings: Settings, file: Path
) -> None:
    """A job is code of the requester's that runs there: the definition's first stage says where."""
    dev = stage("dev", workspace="ws-dev", endpoint="churn-dev", key_vault="kv-dev")
    platform.apply(dev, stage())
    closed = "rules:\n  - {name: prod, match: {workspace: ws-prod}}\n  - {name: dev, match: {workspace: ws-dev}, models: [fraud]}\n"
    with serving(guarded(settings, file, closed)) as restarted:
        anna = restarted.client("anna")
        bundle = upload(anna, JOB)
        submission = {"model": "churn", "bundle": bundle, "entry": "job.yml"}

        assert problem(anna.post("/v1/jobs", json=submission)) == (403, "guardrail_refused")
        assert problem(anna.post("/v1/jobs", json={"model": "churn", "name": "j"})) == (403, "guardrail_refused")
        for path in ("/v1/releases", "/v1/dry-runs"):
            body = {"model": "churn", "job": "j", "stages": ["prod"]}
            assert problem(anna.post(path, json=body)) == (403, "guardrail_refused")


def test_worker_submits_no_job_that_the_api_let_through_without_its_guardrails(platform: Platform, file: Path) -> None:
    platform.apply(stage())
    bundle = upload(platform.anna, JOB)
    submission = {"model": "churn", "name": "j", "bundle": bundle, "entry": "job.yml"}
    assert platform.anna.post("/v1/jobs", json=submission).is_success
    queued = platform.prepared()["id"]
    platform.guarded_by(file, rails(models="fraud"))

    poll_job(platform.worker.context, 1)

    job = as_json(platform.anna.get("/v1/jobs/j"))
    assert (job["status"], job["code"]) == ("Refused", "guardrail_refused")
    assert platform.carried_out(queued)["code"] == "guardrail_refused"
