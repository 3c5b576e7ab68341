"""The way of one release, and of those after it."""

import json
from collections.abc import Callable

from app.attestations.keys import read_public_keys
from app.attestations.provenance import Statement
from app.attestations.verification import require_model, verify_document
from tests.journeys.running import Running
from tests.journeys.team import Team, rollout_of, steps_of

_OTHER_PROD = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
  - name: prod
    workspace: ws-prod
    resource_group: rg-ml
    registry: reg-shared
    endpoint: {name}-elsewhere
    instance_type: Standard_E4s_v3
"""


def test_release_goes_to_dev_is_approved_goes_to_prod_and_answers(team: Team, trained: str) -> None:
    asked = team.ask(trained, note="the first one")
    assert (asked["status"], asked["stages"]) == ("pending", ["dev", "prod"])

    waiting = team.service.until_still(asked["id"])
    assert waiting["status"] == "pending_approval", waiting["sentence"]
    assert rollout_of(waiting, "dev")["status"] == "succeeded"
    assert team.use(team.dev, [1, 2]) == [3, 6]
    assert team.service.azure.endpoint("ws-prod", team.prod) is None, "nothing is done in prod before the approval"

    edited = team.apply(team.define(stages=_OTHER_PROD))
    assert edited["version"] == waiting["definition_version"] + 1

    team.approve(waiting, who="bernd")
    released = team.service.until_still(asked["id"])
    assert released["status"] == "succeeded", released["sentence"]
    assert team.use(team.prod, [1, 2]) == [3, 6]
    (decision,) = rollout_of(released, "prod")["decisions"]
    assert (decision["actor"], decision["reason"]) == ("bernd", "The numbers are good.")

    prod = rollout_of(released, "prod")
    assert released["definition_version"] == waiting["definition_version"], "an edit changes nothing in what runs"
    assert prod["plan_digest"] == rollout_of(waiting, "prod")["plan_digest"]
    assert prod["endpoint"] == team.prod
    assert team.service.azure.traffic("ws-prod", team.prod) == {prod["deployment"]: 100}
    for stage in ("dev", "prod"):
        assert {step["status"] for step in steps_of(released, stage).values()} == {"succeeded"}
    stated = provenance_of(team, asked["id"])
    assert stated.facts.serving.traffic[0].deployment == prod["deployment"]
    assert [each.person for each in stated.facts.approvals] == ["bernd"]
    assert f"azureml://registries/reg-shared/models/{team.name}/versions/1" in [each.name for each in stated.subject]


def provenance_of(team: Team, release: str) -> Statement:
    """What the service signed, verified as somebody does who has the document, the public keys and the model's files alone."""
    document = team.service.get(f"/v1/releases/{release}/provenance")
    pem = "".join(each["pem"] for each in team.service.get("/v1/provenance/keys")["items"])
    keys = read_public_keys(pem.encode(), what="The keys")
    statement = verify_document(json.dumps(document).encode(), keys=keys).statement
    require_model(statement, team.service.azure.model_file(team.name).parent)
    return statement


def test_same_content_asked_twice_reuses_the_registered_version(released: tuple[Team, str]) -> None:
    team, first = released
    job = team.train()  # another job, which makes the same bytes

    again = team.release(job)

    assert again["job"] != team.service.release(first)["job"]
    assert team.service.azure.versions(team.name, workspace="ws-dev") == ["1"]
    assert team.service.azure.versions(team.name) == ["1"]
    assert steps_of(again, "dev")["register_model"]["output"]["reused"] is True
    assert steps_of(again, "prod")["share_model"]["output"]["reused"] is True


def test_two_models_are_released_side_by_side(new_team: Callable[[], Team], service: Running) -> None:
    first, second = new_team(), new_team()
    second.factor = 5
    for team in (first, second):
        team.apply()
    jobs = [team.submit()["name"] for team in (first, second)]
    for job in jobs:
        service.until_job_ends(job)

    asked = [team.ask(job, stages=["dev"]) for team, job in zip((first, second), jobs, strict=True)]
    ended = [service.until_still(release["id"]) for release in asked]

    assert [release["status"] for release in ended] == ["succeeded", "succeeded"]
    assert first.use(first.dev, [2]) == [6]
    assert second.use(second.dev, [2]) == [10]
    begun = max(rollout_of(each, "dev")["started_at"] for each in ended)
    assert begun < min(each["finished_at"] for each in ended), "neither waited for the other's end"


def test_release_of_prod_alone_registers_and_shares_but_makes_nothing_serve_in_dev(team: Team, trained: str) -> None:
    released = team.release(trained, stages=["prod"])

    assert [rollout["stage"] for rollout in released["rollouts"]] == ["prod"]
    assert "register_model" in steps_of(released, "prod")
    assert team.use(team.prod, [4]) == [12]
    assert team.service.azure.endpoint("ws-dev", team.dev) is None


def test_rejected_release_ends_and_leaves_prod_untouched(team: Team, trained: str) -> None:
    waiting = team.service.until_still(team.ask(trained)["id"])
    path = f"/v1/releases/{waiting['id']}/rollouts/prod"

    team.service.post(f"{path}/reject", {"reason": "The critics are unhappy."}, who="clara")

    ended = team.service.release(waiting["id"])
    assert ended["status"] == "approval_rejected"
    assert "clara" in ended["sentence"]
    assert "The critics are unhappy." in ended["sentence"]
    assert team.service.azure.endpoint("ws-prod", team.prod) is None
    assert team.use(team.dev, [1]) == [3], "dev goes on serving"
    late = team.service.http.post(f"{path}/approve", json={"reason": "too late", "plan_digest": "sha256:0"})
    assert (late.status_code, late.json()["code"]) == (409, "nothing_to_decide")


def test_former_deployment_stays_warm_and_the_one_before_it_is_retired(team: Team) -> None:
    azure, served = team.service.azure, list[str]()
    for factor in (3, 4, 5):
        team.apply(team.define(factor=factor))
        released = team.release(team.train(factor=factor), stages=["dev"])
        served.append(rollout_of(released, "dev")["deployment"])
        assert azure.traffic("ws-dev", team.dev) == {served[-1]: 100}
        assert azure.deployments("ws-dev", team.dev) == set(served[-2:]), "the last one stays warm, older ones go"
        assert team.use(team.dev, [2]) == [2 * factor]
    assert azure.versions(team.name, workspace="ws-dev") == ["1", "2", "3"]
