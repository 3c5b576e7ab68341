"""What is done is what the chain of events says was planned and begun: rows that were changed past the service change nothing."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from app.definitions.tables import DefinitionVersion
from app.errors import Conflict
from app.releases.attested import rollout_on_record
from app.releases.plans import digest_of
from app.releases.tables import Plan, Release, Rollout, StepRun

Json = dict[str, Any]

_BEGUN = frozenset({"rollout.in_progress", "rollout.cancelling"})


@dataclass(frozen=True)
class Ready:
    """Whether a step may be carried out: ``refusal`` says why not. ``outputs``: of the steps that it needs, by what it calls them."""

    outputs: dict[str, Json]
    refusal: str | None = None


def plan_on_record(session: Session, rollout_id: str) -> Json:
    """The plan that a rollout was made with. Raises Conflict where the chain does not have it, or it was changed."""
    return _plan(session, rollout_id, rollout_on_record(session, rollout_id).plan_digest)


def look_up_step(session: Session, release: Release, step: StepRun) -> Ready:
    """What a step needs, from the chain; and whether its row, its rollout's and its release's are as they were planned."""
    stage = step.rollout_id.rpartition(":")[2]
    needed = {need.rpartition("/")[2]: _id_of(need, release, stage) for need in step.needs}
    known = rollout_on_record(session, step.rollout_id, steps=needed.values())
    try:
        plan = _plan(session, step.rollout_id, known.plan_digest)
    except Conflict as no:
        return Ready({}, str(no))
    outputs = {key: dict(known.outputs[each]) for key, each in needed.items() if each in known.outputs}
    wrong = _first_difference(session, release, step, plan)
    if wrong is None and known.last not in _BEGUN:
        wrong = f"{step.rollout_id} was not begun"
    if wrong is None and len(outputs) < len(needed):
        wrong = f"{', '.join(sorted(needed.keys() - outputs.keys()))} has not succeeded"
    said = None if wrong is None else f"By the record of events {wrong}: rows were changed past the service."
    return Ready(outputs, said)


def _plan(session: Session, rollout_id: str, digest: str | None) -> Json:
    plan = session.get(Plan, digest) if digest else None
    if plan is None or digest_of(plan.document) != digest:
        raise Conflict(
            f"The plan of {rollout_id} is not the one that the record of events has.",
            code="plan_not_on_record",
            hint="`mlrelease audit verify` says what was changed past the service.",
        )
    return plan.document


def _first_difference(session: Session, release: Release, step: StepRun, plan: Json) -> str | None:
    planned = next((each for each in plan["steps"] if each["key"] == step.key), None)
    if planned is None:
        return f"there is no step {step.key}"
    if planned != {"key": step.key, "kind": step.kind, "needs": step.needs, "config": step.config}:
        return f"step {step.key} is another one"
    rollout, target = session.get_one(Rollout, step.rollout_id), plan["target"]
    place = (target["subscription"], target["resource_group"], target["workspace"], target["endpoint"])
    if rollout.target != "/".join(place).lower():
        return f"{rollout.id} goes to another place"
    version = session.get(DefinitionVersion, release.definition_id)
    if version is None or version.bundle_digest != plan["definition"]["digest"]:
        return f"{release.id} is of other files"
    return None


def _id_of(need: str, release: Release, own_stage: str) -> str:
    """A need in an earlier stage is written ``<stage>/<key>``."""
    stage, _, key = need.rpartition("/")
    return f"{release.id}:{stage or own_stage}:{key}"
