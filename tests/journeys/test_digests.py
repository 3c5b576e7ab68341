"""The model's content is proven at its four places; where it was tampered with, the release fails loudly."""

import pytest

from tests.journeys.running import Running
from tests.journeys.team import Team, rollout_of, steps_of


def test_model_has_the_same_digest_at_its_four_places(released: tuple[Team, str]) -> None:
    team, release_id = released
    release = team.service.release(release_id)
    dev, prod = steps_of(release, "dev"), steps_of(release, "prod")

    places = {
        "job output": release["content"]["model_digest"],
        "dev workspace": dev["register_model"]["output"]["digest"],
        "registry": prod["share_model"]["output"]["digest"],
        "prod deployment": prod["create_deployment"]["output"]["digest"],
    }

    assert len(set(places.values())) == 1, places
    assert places["registry"].startswith("sha256:")


@pytest.mark.parametrize(
    ("place", "stage", "step"), [("workspace", "dev", "register_model"), ("registry", "prod", "share_model")]
)
def test_registered_copy_that_was_tampered_with_fails_the_next_release(
    team: Team, trained: str, service: Running, place: str, stage: str, step: str
) -> None:
    serves = rollout_of(team.release(trained), stage)["deployment"]
    workspace, endpoint = ("ws-dev", team.dev) if stage == "dev" else ("ws-prod", team.prod)
    service.azure.model_file(team.name, workspace="ws-dev" if place == "workspace" else None).write_text("4")

    release = service.until_still(team.ask(trained, stages=[stage])["id"])
    if release["status"] == "pending_approval":
        team.approve(release)
        release = service.until_still(release["id"])

    assert (release["status"], release["code"]) == ("failed", "digest_mismatch")
    assert release["content"]["model_digest"] in release["sentence"]
    assert steps_of(release, stage)[step]["status"] == "failed"
    assert steps_of(release, stage)["create_deployment"]["status"] == "skipped"
    assert service.azure.traffic(workspace, endpoint) == {serves: 100}, "what served before goes on"
    assert team.use(endpoint, [2]) == [6]


def test_copy_tampered_with_while_it_is_deployed_gets_no_traffic(team: Team, trained: str, service: Running) -> None:
    waiting = service.until_still(team.ask(trained)["id"])
    service.azure.delay(deployment=4.0)
    team.approve(waiting)
    service.until_step(waiting["id"], "prod", "create_deployment", "running")
    service.azure.model_file(team.name).write_text("4")

    release = service.until_still(waiting["id"])

    assert (release["status"], release["code"]) == ("failed", "digest_mismatch")
    assert steps_of(release, "prod")["create_deployment"]["status"] == "failed"
    assert service.azure.traffic("ws-prod", team.prod) == {}
