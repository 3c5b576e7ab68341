"""What is registered already is released as it was when people were asked, or not at all."""

from tests.journeys.running import Running
from tests.journeys.team import Team, rollout_of, steps_of


def test_registered_model_goes_from_the_workspace_and_from_the_registry_to_serving(
    team: Team, trained: str, service: Running
) -> None:
    team.release(trained)
    registry = f"azureml://registries/reg-shared/models/{team.name}/versions/1"

    for uri, steps in ((f"azureml:{team.name}:1", {"find_model", "share_model"}), (registry, {"find_model"})):
        asked = service.post("/v1/releases", {"model": team.name, "model_version": uri})
        waiting = service.until_still(asked["id"])
        team.approve(waiting)
        release = service.until_still(waiting["id"])

        assert release["status"] == "succeeded", release["sentence"]
        done = {**steps_of(release, "dev"), **steps_of(release, "prod")}
        assert {"register_model", "find_model", "share_model"} & set(done) == steps
        assert done["create_deployment"]["output"]["digest"] == release["content"]["model_digest"]
    assert team.use(team.prod, [2]) == [6]


def test_registered_model_whose_storage_was_overwritten_after_it_was_approved_is_not_served(
    team: Team, trained: str, service: Running
) -> None:
    serves = rollout_of(team.release(trained), "prod")["deployment"]
    asked = {"model": team.name, "model_version": f"azureml:{team.name}:1", "stages": ["prod"]}
    waiting = service.until_still(service.post("/v1/releases", asked)["id"])
    service.azure.model_file(team.name, workspace="ws-dev").write_text("4")

    team.approve(waiting)
    release = service.until_still(waiting["id"])

    assert (release["status"], release["code"]) == ("failed", "digest_mismatch")
    assert steps_of(release, "prod")["find_model"]["status"] == "failed"
    assert steps_of(release, "prod")["create_deployment"]["status"] == "skipped"
    assert service.azure.traffic("ws-prod", team.prod) == {serves: 100}
    assert team.use(team.prod, [2]) == [6]
    refused = service.until_still(service.post("/v1/releases", asked)["id"])
    assert (refused["status"], refused["code"]) == ("failed", "digest_mismatch"), "before anybody is asked"
    assert refused["rollouts"] == []
