"""A team with a tiny model: it multiplies. Its training takes a second, and its answers show which release serves."""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.bundles.pack import pack
from app.cli.consumer import Consumer
from tests.azureml.team import write_bundle, write_training
from tests.journeys.running import Json, Running

_STAGES = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
    key_vault: kv-dev
  - name: prod
    workspace: ws-prod
    resource_group: rg-ml
    registry: reg-shared
    endpoint: {name}-prod
    key_vault: kv-prod
    approval: required
"""


class Team:
    """One model's people: they train, define, ask, approve, and use what was released."""

    def __init__(self, service: Running, folder: Path, *, factor: float = 3) -> None:
        self.service = service
        self.folder = folder
        self.name = f"team-{uuid.uuid4().hex[:8]}"
        self.dev, self.prod = f"{self.name}-dev", f"{self.name}-prod"
        self.factor = factor
        self._trainings = 0

    def define(self, *, factor: float | None = None, stages: str = _STAGES, **changes: str) -> bytes:
        """The definition's folder, packed. ``changes`` replace words of release.yml: ``output="other"``."""
        folder = write_bundle(self._new_folder("definition"), factor=self.factor if factor is None else factor)
        said = {
            "output": "model",
            "path": ".",
            "file": "factor.json",
            "environment": "azureml:team-env@latest",
            **changes,
        }
        (folder / "release.yml").write_text(
            f"model:\n  name: {self.name}\n  type: custom_model\n  description: multiplies\n"
            f"  output: {said['output']}\n  path: {said['path']}\n  file: {said['file']}\n"
            f"environment: {said['environment']}\nchecks:\n  golden: golden.json\n"
            f"stages:{stages.format(name=self.name)}"
        )
        return pack(folder)

    def apply(self, archive: bytes | None = None) -> Json:
        """Make a definition the newest; by default the usual one."""
        digest = self.service.upload(self.define() if archive is None else archive)
        return self.service.post("/v1/models", {"bundle": digest})

    def submit(self, *, factor: float | None = None, command: str | None = None) -> Json:
        """Submit a training pipeline through the service."""
        folder = write_training(
            self._new_folder("training"), factor=self.factor if factor is None else factor, command=command
        )
        self._trainings += 1
        asked = {
            "model": self.name,
            "name": f"{self.name}-job-{self._trainings}",
            "bundle": self.service.upload(pack(folder)),
            "entry": "pipeline.yml",
            "environments": ["environment.yml"],
        }
        return self.service.post("/v1/jobs", asked)

    def train(self, *, factor: float | None = None, command: str | None = None) -> str:
        """Submit, and wait for the end; the job's name."""
        job = self.submit(factor=factor, command=command)
        name: str = self.service.until_job_ends(job["name"])["name"]
        return name

    def ask(self, job: str, *, stages: Sequence[str] | None = None, **more: Any) -> Json:
        """Ask for a release."""
        body = {"model": self.name, "job": job, **({"stages": list(stages)} if stages else {}), **more}
        return self.service.post("/v1/releases", body)

    def release(self, job: str, *, stages: Sequence[str] | None = None) -> Json:
        """Ask for a release, approve what waits, and see it succeed."""
        release = self.service.until_still(self.ask(job, stages=stages)["id"])
        if release["status"] == "pending_approval":
            self.approve(release)
            release = self.service.until_still(release["id"])
        assert release["status"] == "succeeded", release["sentence"]
        return release

    def approve(self, release: Json, *, stage: str = "prod", who: str = "bernd") -> Json:
        path = f"/v1/releases/{release['id']}/rollouts/{stage}/approve"
        (rollout,) = (each for each in release["rollouts"] if each["stage"] == stage)
        return self.service.post(
            path, {"reason": "The numbers are good.", "plan_digest": rollout["plan_digest"]}, who=who
        )

    def use(self, endpoint: str, numbers: Sequence[float]) -> list[Any]:
        """What an application does: address and key from the Key Vault, then ask."""
        vault = "kv-prod" if endpoint.endswith("-prod") else "kv-dev"
        return Consumer(self.service.azure.environment).ask(endpoint, vault, numbers)  # type: ignore[arg-type] # numbers are what this model takes

    def leave(self) -> None:
        """Delete what the team has in Azure: the region's cores, and this machine's, are few."""
        for workspace, endpoint in (("ws-dev", self.dev), ("ws-prod", self.prod)):
            if self.service.azure.endpoint(workspace, endpoint) is not None:
                self.service.azure.delete_endpoint(workspace, endpoint)

    def _new_folder(self, kind: str) -> Path:
        return self.folder / f"{kind}-{uuid.uuid4().hex[:6]}"


def steps_of(release: Json, stage: str) -> dict[str, Json]:
    """A stage's steps by their keys."""
    return {step["key"]: step for step in rollout_of(release, stage)["steps"]}


def rollout_of(release: Json, stage: str) -> Json:
    (rollout,) = (each for each in release["rollouts"] if each["stage"] == stage)
    found: Json = rollout
    return found


def written(content: Mapping[str, Any]) -> str:
    """A document as text, to look for words in it."""
    return json.dumps(content)
