"""What a team has uploaded, and what a worker does to a release, without a worker: rows moved by their one writer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.guardrails.rules import NO_GUARDRAILS, Guardrails
from app.identity.actor import SERVICE
from app.releases.locks import lock_release
from app.releases.planning import PlannedRollout, plan_release
from app.releases.queries import get_rollout, steps_of
from app.releases.service import move_release, move_rollout, move_step, report_progress
from app.releases.states import Status, StepStatus
from app.releasing.advance import advance_release
from app.releasing.queue import WorkQueue
from app.releasing.work import Releasing, Work
from tests.bundles.tars import tar_of
from tests.definitions.conftest import DEPLOYMENT, ENDPOINT, GOLDEN, RELEASE, SCORE
from tests.planning.examples import three_steps

Json = dict[str, Any]

ANYBODY: Json = {"count": 1, "self_approval": True}
STEPS = ("register_model", "create_endpoint", "create_deployment")


def definition(model: str = "churn", **files: str) -> bytes:
    """A definition's folder, packed; ``files`` replace or add (``release_yml=…``)."""
    content = {
        "release.yml": RELEASE.replace("name: churn\n", f"name: {model}\n"),
        "endpoint.yml": ENDPOINT,
        "deployment.yml": DEPLOYMENT,
        "src/score.py": SCORE,
        "golden.json": GOLDEN,
    }
    content |= {name.replace("_", "."): text for name, text in files.items()}
    return tar_of(*((name, text.encode()) for name, text in content.items()))


def upload(client: httpx.Client, archive: bytes) -> str:
    answer = client.post("/v1/bundles", content=archive, headers={"Content-Type": "application/gzip"})
    assert answer.status_code == 201, answer.text
    digest: str = answer.json()["digest"]
    return digest


def apply(client: httpx.Client, archive: bytes) -> httpx.Response:
    return client.post("/v1/models", json={"bundle": upload(client, archive)})


def ask(client: httpx.Client, *, model: str = "churn", job: str = "job-1", **more: Any) -> dict[str, Any]:
    """A new release."""
    answer = client.post("/v1/releases", json={"model": model, "job": job, **more})
    assert answer.status_code == 201, answer.text
    release: dict[str, Any] = answer.json()
    return release


@dataclass(frozen=True)
class Worker:
    """Moves releases as a worker does, one transaction each."""

    database: Database
    queue: WorkQueue
    guardrails: Guardrails = NO_GUARDRAILS

    @property
    def releasing(self) -> Releasing:
        return Releasing(self.database, self.queue, self.guardrails)

    def plan(
        self,
        release_id: str,
        *,
        approval: Sequence[str] = ("prod",),
        policy: Json = ANYBODY,
        author: str | None = None,
        more: Json | None = None,
    ) -> None:
        """Prepare the release, and take its first stage on its way; stages in ``approval`` have the policy.

        ``more``: of what the plans say.
        """
        content = {"model_digest": "sha256:m", **({"git_author": author} if author else {})}
        with Work(self.releasing, SERVICE).transaction() as work:
            release = lock_release(work, release_id)
            plans = [
                _plan(release_id, stage, policy=policy if stage in approval else None, more=more or {})
                for stage in release.stages
            ]
            plan_release(work, release, content, plans)
            advance_release(work, release)

    def fail_to_plan(self, release_id: str) -> None:
        with UnitOfWork(self.database, SERVICE).transaction() as work:
            release = lock_release(work, release_id)
            said = {"code": "output_missing", "sentence": "The job has no output 'model'."}
            move_release(work, release, Status.FAILED, **said)

    def move(self, release_id: str, stage: str, status: Status) -> None:
        """Move a rollout; when it has succeeded, the next one is taken on its way."""
        with Work(self.releasing, SERVICE).transaction() as work:
            release = lock_release(work, release_id)
            rollout = get_rollout(work, release_id, stage)
            said = {"code": status.value, "sentence": f"Is {status.value}."}
            move_rollout(work, rollout, status, **said)
            if status is Status.SUCCEEDED:
                advance_release(work, release)

    def complete(self, release_id: str, stage: str, *, outputs: Mapping[str, Json] | None = None) -> None:
        """Carry a queued rollout out, to its good end. ``outputs``: what steps give, by key."""
        self.move(release_id, stage, Status.IN_PROGRESS)
        for key in STEPS:
            self.step(release_id, stage, key, StepStatus.RUNNING)
            self.step(release_id, stage, key, StepStatus.SUCCEEDED, output=(outputs or {}).get(key))
        self.move(release_id, stage, Status.SUCCEEDED)

    def step(self, release_id: str, stage: str, key: str, status: StepStatus, *, output: Json | None = None) -> None:
        with UnitOfWork(self.database, SERVICE).transaction() as work:
            lock_release(work, release_id)
            step = next(each for each in steps_of(work, f"{release_id}:{stage}") if each.key == key)
            move_step(
                work,
                step,
                status,
                code=status.value,
                sentence=f"Is {status.value}.",
                output=output,
            )

    def report(self, release_id: str, stage: str, key: str, sentence: str) -> None:
        """What a running step is doing; the engine's steps take no lock of their own before."""
        with UnitOfWork(self.database, SERVICE).transaction() as work:
            step = next(each for each in steps_of(work, f"{release_id}:{stage}") if each.key == key)
            report_progress(work, step, sentence)


def _plan(release_id: str, stage: str, *, policy: Json | None, more: Json) -> PlannedRollout:
    return PlannedRollout(
        stage=stage,
        target=f"sub/rg/ws/{stage}",
        endpoint=f"churn-{stage}",
        workspace=f"ws-{stage}",
        deployment="r1-abcd",
        plan={
            "release": release_id,
            "stage": stage,
            "model": {"name": "churn", "digest": f"sha256:{release_id}"},
            "environment": {"name": "env", "version": "3"},
            "approval": policy,
            "steps": [],
            **more,
        },
        steps=three_steps(f"churn-{stage}"),
    )


def as_json(answer: httpx.Response) -> dict[str, Any]:
    """The document of an answer that went well."""
    assert answer.is_success, answer.text
    document: dict[str, Any] = json.loads(answer.text)
    return document


def digest_of(client: httpx.Client, release: str, stage: str = "prod") -> str:
    """Of the plan that whoever looks now sees."""
    digest: str = as_json(client.get(f"/v1/releases/{release}/rollouts/{stage}/plan"))["digest"]
    return digest


def approve(client: httpx.Client, release: str, stage: str = "prod", **more: Any) -> httpx.Response:
    """One person's word for the plan as it is now."""
    body = {"plan_digest": digest_of(client, release, stage), **more}
    return client.post(f"/v1/releases/{release}/rollouts/{stage}/approve", json=body)
