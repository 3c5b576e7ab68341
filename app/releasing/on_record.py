"""What is done is what the chain of events says was planned and begun: rows that were changed past the service change nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlmodel import Session, select

from app.definitions.tables import DefinitionVersion
from app.documents.json_object import Json
from app.errors import Conflict
from app.planning.ids import needed_key, needed_step
from app.planning.plan import Plan
from app.planning.steps import On, PlannedStep
from app.releases.attested import OnRecord, rollout_on_record
from app.releases.plans import digest_of
from app.releases.queries import PLAN_NOT_ON_RECORD
from app.releases.tables import Release, Rollout, StepRun, StoredPlan

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST_KEPT = 500  # plans, of some kilobytes each

_BEGUN = frozenset({"rollout.in_progress", "rollout.cancelling", "rollout.rolling_back"})


@dataclass(frozen=True)
class Ready:
    """What a step is to do, or ``refusal``: why it must not. ``outputs``: of the steps that it needs, by what it calls them.

    A step for the case that something failed has the outputs of those that had succeeded.
    """

    planned: PlannedStep | None = None
    outputs: dict[str, Json] = field(default_factory=dict)
    bundle: str = ""  # the digest of the files that were planned with
    refusal: str | None = None


class RecordCache:
    """What one process has read of what never changes: plans, found to be what their digest says, and definitions' bundles.

    A row that is changed past the service afterwards changes nothing for this process.
    """

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}
        self._bundles: dict[int, str] = {}

    def plan(self, session: Session, rollout_id: str, digest: str | None) -> Plan:
        """The plan with this digest. Raises Conflict where there is none, or it was changed."""
        if digest is not None and digest in self._plans:
            return self._plans[digest]
        plan = session.get(StoredPlan, digest) if digest else None
        if plan is None or digest_of(plan.document) != digest:
            raise Conflict(
                f"The plan of {rollout_id} is not the plan in the event chain.",
                code=PLAN_NOT_ON_RECORD,
                hint="`mlrelease audit verify` shows what was changed past the service.",
            )
        return _keep(self._plans, plan.digest, plan.read())

    def bundle(self, session: Session, definition_id: int) -> str | None:
        """The digest of a definition's files."""
        if definition_id not in self._bundles:
            query = select(DefinitionVersion.bundle_digest).where(DefinitionVersion.id == definition_id)
            found = session.exec(query).first()
            return None if found is None else _keep(self._bundles, definition_id, found)
        return self._bundles[definition_id]


def plan_on_record(session: Session, rollout_id: str) -> Plan:
    """The plan that a rollout was made with. Raises Conflict where the chain does not have it, or it was changed."""
    return RecordCache().plan(session, rollout_id, rollout_on_record(session, rollout_id).plan_digest)


def look_up_steps(
    session: Session, cache: RecordCache, release: Release, rollout: Rollout, steps: Sequence[StepRun]
) -> list[Ready]:
    """What each of a rollout's steps does and needs, from the chain; and whether the rows above are as they were planned."""
    try:
        plan = cache.plan(session, rollout.id, rollout.plan_digest)
    except Conflict as no:
        return [Ready(refusal=str(no)) for _ in steps]
    needs = [_needs_of(plan, step) for step in steps]
    said = rollout_on_record(session, rollout.id, steps={each for needed in needs for each in needed.values()})
    try:
        on_record = cache.plan(session, rollout.id, said.plan_digest)
    except Conflict as no:
        return [Ready(refusal=str(no)) for _ in steps]
    wrong = _first_difference(release, rollout, on_record, bundle=cache.bundle(session, release.definition_id))
    if wrong is None and on_record.steps != plan.steps:
        wrong = f"{rollout.id} has other steps"
    if wrong is None and said.last not in _BEGUN:
        wrong = f"{rollout.id} was not started"
    return [_look_up(step, on_record, said, needed, wrong) for step, needed in zip(steps, needs, strict=True)]


def _look_up(step: StepRun, plan: Plan, said: OnRecord, needed: dict[str, str], wrong: str | None) -> Ready:
    planned = plan.step(step.key)
    outputs = {key: dict(said.outputs[each]) for key, each in needed.items() if each in said.outputs}
    if planned is None:
        wrong = f"there is no step {step.key}"
    elif wrong is None and planned.on is On.SUCCESS and len(outputs) < len(needed):
        wrong = f"{', '.join(sorted(needed.keys() - outputs.keys()))} has not succeeded"
    if wrong is not None or planned is None:
        return Ready(refusal=f"According to the event chain, {wrong}: rows were changed past the service.")
    return Ready(planned, outputs, plan.definition.digest)


def _needs_of(plan: Plan, step: StepRun) -> dict[str, str]:
    """By what the step calls them: the ids of the step runs that it needs."""
    planned = plan.step(step.key)
    needs = () if planned is None else planned.needs
    return {needed_key(need): needed_step(need, rollout_id=step.rollout_id) for need in needs}


def _first_difference(release: Release, rollout: Rollout, plan: Plan, *, bundle: str | None) -> str | None:
    if rollout.target != str(plan.target.target):
        return f"{rollout.id} has another target"
    if bundle != plan.definition.digest:
        return f"{release.id} has another content"
    return None


def _keep(kept: dict[Key, Value], key: Key, value: Value) -> Value:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[key] = value
    return value
