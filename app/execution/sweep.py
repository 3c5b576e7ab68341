"""Looking for idle deployments at a target, and carrying out what the definition's `retention` says of them.

It waits for its turn in the target's queue, so it never runs beside a rollout there; where one is under way or paused, it does nothing.
Killed in the middle, it is due again: what is deleted already is found to be gone.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlmodel import Session

from app.azureml.errors import AzureMLError
from app.azureml.types import Deployment
from app.execution.attempts import carry_out
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.execution.workflows import register_workflow
from app.planning.observed import Observed
from app.planning.places import Target
from app.releases.at_target import moved_by, planned_at
from app.releasing.names import SWEEP_TARGET, sweep_of
from app.releasing.work import Work
from app.serving.earlier import going_back_at
from app.serving.idle import begin_sweep, fates_at
from app.serving.queries import deployed_at
from app.serving.retention import FEWEST_INSTANCES, Fate
from app.serving.service import At, record_observed
from app.serving.tables import StoredTarget
from app.steps.contract import Context, Refused
from app.steps.idle_deployments import delete_idle, find_ours, scale_idle
from app.steps.observing import facts_of_deployment

log = structlog.get_logger(__name__)

DELETED, SCALED_DOWN = "deployment.deleted", "deployment.scaled_down"

Result = TypeVar("Result")


def register_sweeps(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""
    register_workflow(worker, SWEEP_TARGET, sweep_target)


def queue_sweep(worker: WorkerContext, target: str) -> None:
    """Have a target that is due looked at when its turn has come."""

    def queue(work: Work) -> None:
        if begin_sweep(work, target, next_at=work.now + timedelta(seconds=worker.settings.sweep_seconds)):
            work.queue.sweep_target(work, target)

    worker.write(queue)


def sweep_target(worker: WorkerContext, target: str) -> str:
    """Record what is there, and delete or scale down what is due."""
    return carry_out_bounded(
        worker,
        sweep_of(target),
        partial(_sweep, worker, target),
        requeue=lambda work: work.queue.sweep_target(work, target),
        fail=[_leave_it],
    )


def _leave_it(why: str, _work: Work) -> str:
    """It is due again, and nothing was left half done."""
    return why


def _sweep(worker: WorkerContext, target: str) -> str:
    where = Target.parse(target)
    if worker.read(lambda session: moved_by(session, target)) is not None:
        return "A rollout moves it."
    try:
        found = _ask(worker, where, lambda context: find_ours(worker.azure, context, where))
    except AzureMLError as no:
        log.warning("target_not_swept", target=target, code=no.code, error=str(no))
        return str(no)
    worker.write(lambda work: _note(work, target, found))
    for fate in worker.read(lambda session: _due(session, worker, target)):
        if fate not in worker.read(lambda session: _due(session, worker, target)):
            continue  # somebody has asked meanwhile to go back to it
        try:
            _carry_out(worker, where, fate)
        except (AzureMLError, Refused) as no:
            log.warning("idle_deployment_left", target=target, deployment=fate.idle.name, code=no.code, error=str(no))
    return "Swept."


def _note(work: Work, target: str, found: list[Deployment]) -> None:
    """What failed releases left is on no record yet. What else differs from the record is for whoever compares the two."""
    known = {each.name for each in deployed_at(work, target)}
    new = {each.name.lower(): each for each in found if each.name.lower() not in known}
    left = planned_at(work, target, new)
    facts = tuple(facts_of_deployment(each) for name, each in new.items() if name in left)
    if facts:
        _record(work, target, Observed(deployments=facts))


def _due(session: Session, worker: WorkerContext, target: str) -> list[Fate]:
    """Nothing while a way back is looked for there: whatever is left may be what it finds."""
    now, row = worker.now(), session.get_one(StoredTarget, target)
    if going_back_at(session, target, model=row.model, stage=row.stage) is not None:
        return []
    return [each for each in fates_at(session, row) if each.is_due(now)]


def _carry_out(worker: WorkerContext, where: Target, fate: Fate) -> None:
    idle = fate.idle
    release = idle.release or ""
    if fate.then == "delete":
        if _ask(worker, where, lambda context: delete_idle(worker.azure, context, where, idle.name, release=release)):
            worker.write(lambda work: _tell(work, where, fate, DELETED, Observed(gone=(idle.name,))))
        return

    def scale(context: Context) -> Deployment | None:
        return scale_idle(worker.azure, context, where, idle.name, release=release, instances=FEWEST_INSTANCES)

    scaled = _ask(worker, where, scale)
    if scaled is not None:
        worker.write(lambda work: _tell(work, where, fate, SCALED_DOWN, _scaled(work, where, scaled)))


def _scaled(work: Work, where: Target, scaled: Deployment) -> Observed:
    """Only what was changed here: what others changed besides is drift, and not adopted by being read."""
    found = facts_of_deployment(scaled)
    known = next((each.read() for each in deployed_at(work, str(where)) if each.name == found.name), found)
    changed = {"instance_count": found.instance_count, "state": found.state}
    return Observed(deployments=(known.model_copy(update=changed),))


def _tell(work: Work, where: Target, fate: Fate, kind: str, observed: Observed) -> None:
    row = _record(work, str(where), observed)
    work.append_event(
        kind,
        subject=row.id,
        model=row.model,
        data={
            "stage": row.stage,
            "deployment": fate.idle.name,
            "release": fate.idle.release,
            "idle_since": fate.idle.since.isoformat(),
            "because": fate.because,
        },
    )


def _record(work: Work, target: str, observed: Observed) -> StoredTarget:
    row = work.get_one(StoredTarget, target)
    record_observed(work, At(target, model=row.model, stage=row.stage), observed)
    return row


def _ask(worker: WorkerContext, where: Target, act: Callable[[Context], Result]) -> Result:
    """Of Azure, again after transient errors. A rollout cannot begin there meanwhile: it waits for its turn."""
    subject = sweep_of(str(where))
    signals = worker.signals.of(subject, asked=None)

    def no_files() -> Path:
        raise AssertionError("a sweep reads no files of a definition")

    context = Context(
        release=subject,
        stage="",
        unpack=no_files,
        scratch=worker.scratch_root,
        outputs={},
        checkpoint=signals.checkpoint,
        wait=signals.wait,
        report=lambda sentence: log.info("sweeping", target=str(where), sentence=sentence),
        now=worker.now,
        first_begun_at=worker.now(),
    )
    return carry_out(
        worker.in_scratch(act),
        context,
        budget=worker.budget,
        on_retry=lambda error, seconds: log.warning(
            "sweep_retried", target=str(where), code=error.code, seconds=round(seconds, 1)
        ),
    )
