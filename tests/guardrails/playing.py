"""The service's own worker code in this process, with instant steps: what it prepares, begins and refuses is the real thing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from app.azureml.client import AzureSettings
from app.azureml.facade import open_azure
from app.database.connection import Database
from app.execution.context import WorkerContext
from app.execution.dry_run import carry_out_dry_run
from app.execution.lease import Lease
from app.execution.prepare import prepare_release
from app.execution.rollout import carry_out_rollout
from app.execution.signals import Signals
from app.guardrails.file import read_guardrails
from app.planning.kinds import KINDS
from app.releasing.queue import DbosQueue
from app.settings import Settings
from app.steps.contract import Context, Done
from app.workers.service import WorkerIdentity
from tests.api.playing import apply, approve, as_json, ask, definition

Json = dict[str, Any]

CONTENT: Json = {
    "model_uri": "azureml://jobs/job/outputs/model/paths/",
    "model_digest": "sha256:0",
    "environment": {"name": "env", "version": "1", "digest": "sha256:1", "id": "azureml:env:1"},
}

STAGE = """\
  - name: {name}
    workspace: {workspace}
    resource_group: {resource_group}
    registry: reg-shared
    endpoint: {endpoint}
    key_vault: {key_vault}
    approval: {approval}
"""


def open_workshop(settings: Settings, database: Database) -> WorkerContext:
    identity = WorkerIdentity(id="worker-1", host="here", pid=1, version="0")
    lease = Lease(database, identity, seconds=600.0, exclusive=False)
    lease.take()
    steps = dict.fromkeys(KINDS, lambda _context, _config: Done("Done.", {"version": "1"}))
    return WorkerContext(
        settings=settings,
        database=database,
        queue=DbosQueue(database.engine),
        azure=open_azure(AzureSettings()),
        steps=steps | {"resolve_content": _resolved, "preflight": _looked},
        signals=Signals(database, lease),
        identity=identity,
        guardrails=read_guardrails(settings),
    )


def _resolved(_context: Context, _config: Json) -> Done:
    return Done("Resolved.", CONTENT)


def _looked(_context: Context, _config: Json) -> Done:
    return Done("Looked.", {"checks": []})


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
    worker: WorkerContext

    def apply(self, *stages: str, model: str = "churn", **files: str) -> int:
        version: int = as_json(apply(self.anna, defined(*stages, model=model, **files)))["version"]
        return version

    def prepared(self, *, model: str = "churn", **more: Any) -> Json:
        """A release that a worker has prepared."""
        release = ask(self.anna, model=model, job=f"job-of-{model}", **more)
        prepare_release(self.worker, release["id"])
        return self.look(release["id"])

    def carried_out(self, release: str, stage: str = "prod") -> Json:
        """As after its turn in the queue."""
        carry_out_rollout(self.worker, f"{release}:{stage}")
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
        carry_out_dry_run(self.worker, run)
        return as_json(self.anna.get(f"/v1/dry-runs/{run}"))

    def look(self, release: str) -> Json:
        return as_json(self.anna.get(f"/v1/releases/{release}"))

    def plan_of(self, release: str, stage: str = "prod") -> Json:
        plan: Json = as_json(self.anna.get(f"/v1/releases/{release}/rollouts/{stage}/plan"))["plan"]
        return plan

    def guarded_by(self, file: Path, text: str) -> None:
        """As after a restart of the worker with these guardrails."""
        file.write_text(text)
        settings = self.worker.settings.model_copy(update={"guardrails": file})
        self.worker = replace(self.worker, guardrails=read_guardrails(settings))
