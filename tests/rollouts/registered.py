"""What is registered already is released as it was when people were asked, or not at all."""

from collections.abc import Mapping
from pathlib import Path

from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of, steps_of
from tests.rollouts.rows import Row, Section


class Registered:
    """A team whose training job was released to both stages: its model is registered in the workspace and in the registry."""

    def __init__(self, service: Running, folder: Path) -> None:
        self.service = service
        self.team = Team(service, folder)
        self.team.apply()
        self.team.release(self.team.train())

    def release(self, uri: str) -> Json:
        """Approved where it waits for that, and carried out."""
        waiting = self.ask(uri)
        self.team.approve(waiting)
        return self.service.until_still(waiting["id"])

    def ask(self, uri: str, **more: object) -> Json:
        asked = self.service.post("/v1/releases", {"model": self.team.name, "model_version": uri, **more})
        return self.service.until_still(asked["id"])

    def measured(self, release: Json, *, was: str, brought: str) -> Mapping[str, str]:
        """``was``: what served in prod before."""
        (serving,) = self.service.azure.traffic("ws-prod", self.team.prod)
        assert self.team.use(self.team.prod, [2]) == [6]
        own = rollout_of(release, "prod")["deployment"]
        ended = release["status"] if release["status"] == "succeeded" else f"{release['status']}: {release['code']}"
        return {
            "the release": ended,
            "brought to prod by": brought,
            "serves in prod": {own: "the release's deployment", was: "what served before"}[serving],
        }

    def serving(self) -> str:
        (name,) = self.service.azure.traffic("ws-prod", self.team.prod)
        return name


def _brought(release: Json) -> str:
    done = {**steps_of(release, "dev"), **steps_of(release, "prod")}
    assert "register_model" not in done
    assert done["create_deployment"]["output"]["digest"] == release["content"]["model_digest"]
    return ", ".join(key for key in ("find_model", "share_model") if key in done)


def _of_workspace(scene: Registered) -> Mapping[str, str]:
    was = scene.serving()
    release = scene.release(f"azureml:{scene.team.name}:1")
    return scene.measured(release, was=was, brought=_brought(release))


def _of_registry(scene: Registered) -> Mapping[str, str]:
    was = scene.serving()
    release = scene.release(f"azureml://registries/reg-shared/models/{scene.team.name}/versions/1")
    return scene.measured(release, was=was, brought=_brought(release))


def _overwritten(scene: Registered) -> Mapping[str, str]:
    was, uri = scene.serving(), f"azureml:{scene.team.name}:1"
    waiting = scene.ask(uri, stages=["prod"])
    scene.service.azure.model_file(scene.team.name, workspace="ws-dev").write_text("4")
    scene.team.approve(waiting)
    release = scene.service.until_still(waiting["id"])
    steps = steps_of(release, "prod")
    assert (steps["find_model"]["status"], steps["create_deployment"]["status"]) == ("failed", "skipped")
    again = scene.ask(uri, stages=["prod"])
    assert (again["status"], again["code"]) == ("failed", "digest_mismatch")
    assert again["rollouts"] == [], "it is refused before anybody is asked"
    return scene.measured(release, was=was, brought="nothing")


REGISTERED: Section[Registered] = Section(
    "Registered models",
    "A release of a model that is registered already, approved for prod, while an earlier release serves.",
    (
        Row(
            "it is registered in the workspace of the first stage",
            _of_workspace,
            {
                "the release": "succeeded",
                "brought to prod by": "find_model, share_model",
                "serves in prod": "the release's deployment",
            },
        ),
        Row(
            "it is in a registry",
            _of_registry,
            {
                "the release": "succeeded",
                "brought to prod by": "find_model",
                "serves in prod": "the release's deployment",
            },
        ),
        Row(
            "its storage is overwritten before the approval, and it is asked for again",
            _overwritten,
            {
                "the release": "failed: digest_mismatch",
                "brought to prod by": "nothing",
                "serves in prod": "what served before",
            },
        ),
    ),
)
