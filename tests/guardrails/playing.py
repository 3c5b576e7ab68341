"""One installation with guardrails: what is applied, asked, decided and carried out there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.guardrails.file import read_guardrails
from tests.api.playing import apply, approve, as_json, ask, definition
from tests.instant import InstantWorker

Json = dict[str, Any]

STAGE = """\
  - name: {name}
    workspace: {workspace}
    resource_group: {resource_group}
    registry: reg-shared
    endpoint: {endpoint}
    key_vault: {key_vault}
    approval: {approval}
"""


def stage(name: str = "prod", *, approval: str = "none", **changes: str) -> str:
    """One stage of a definition; unless it says otherwise, at one target."""
    given = {
        "workspace": "ws-prod",
        "resource_group": "rg-ml",
        "endpoint": "churn-prod",
        "key_vault": "kv-prod",
        **changes,
    }
    return STAGE.format(name=name, approval=approval, **given)


def defined(*stages: str, model: str = "churn", **files: str) -> bytes:
    head = "model:\n  name: churn\nenvironment: azureml:churn-env@latest\nchecks:\n  golden: golden.json\nstages:\n"
    return definition(model, release_yml=head.replace("name: churn", f"name: {model}") + "".join(stages), **files)


@dataclass
class Platform:
    """One installation: whoever calls it, and its worker."""

    anna: httpx.Client
    boris: httpx.Client
    worker: InstantWorker

    def apply(self, *stages: str, model: str = "churn", **files: str) -> int:
        version: int = as_json(apply(self.anna, defined(*stages, model=model, **files)))["version"]
        return version

    def prepared(self, *, model: str = "churn", **more: Any) -> Json:
        """A release that a worker has prepared."""
        release = ask(self.anna, model=model, job=f"job-of-{model}", **more)
        self.worker.prepare(release["id"])
        return self.look(release["id"])

    def carried_out(self, release: str, stage: str = "prod") -> Json:
        """As after its turn in the queue."""
        self.worker.carry_out(release, stage)
        return self.look(release)

    def released(self, *, model: str = "churn", stage: str = "prod", **more: Any) -> Json:
        """Through this stage, with the word of boris where somebody is asked."""
        release = self.prepared(model=model, **more)
        if release["status"] == "pending_approval":
            answer = approve(self.boris, release["id"], stage)
            assert answer.is_success, answer.text
        ended = self.carried_out(release["id"], stage)
        assert ended["status"] == "succeeded", ended["sentence"]
        return ended

    def planned(self, **more: Any) -> Json:
        """What a dry run says."""
        asked = self.anna.post("/v1/dry-runs", json={"model": "churn", "job": "job-of-churn", **more})
        run: str = as_json(asked)["id"]
        self.worker.dry_run(run)
        return as_json(self.anna.get(f"/v1/dry-runs/{run}"))

    def look(self, release: str) -> Json:
        return as_json(self.anna.get(f"/v1/releases/{release}"))

    def plan_of(self, release: str, stage: str = "prod") -> Json:
        plan: Json = as_json(self.anna.get(f"/v1/releases/{release}/rollouts/{stage}/plan"))["plan"]
        return plan

    def guarded_by(self, file: Path, text: str) -> None:
        """As after a restart of the worker with these guardrails."""
        file.write_text(text)
        settings = self.worker.context.settings.model_copy(update={"guardrails": file})
        self.worker.guarded_by(read_guardrails(settings))
