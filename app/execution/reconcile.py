"""Rows that nobody drives: found now and then, and given to the engine anew.

Our rows are the truth. One whose status wants a workflow is looked for among those that the engine will carry out or does; where the
engine has lost it, or ended it without our row knowing, it is enqueued again under a new id. That is free of races: the id comes from
what is changed under the row's lock, so the second of two workers finds that it was changed; and a workflow that is still at work
unknown to the engine finds the same, and stops. What is enqueued again and again without getting any further is failed.

The other way round, the engine may believe for ever that this process carries something out: what ended without the engine hearing of
it, or never began. It would keep everything at the same target waiting. So it is dropped first.
"""

import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog
from sqlmodel import Session, col, select

from app.approvals.service import expiry_of
from app.execution.context import WorkerContext
from app.execution.poll_jobs import LOST_AFTER
from app.execution.turns import is_driven
from app.freezes.queries import frozen_for
from app.jobs.service import end_without_sighting, renew_looks
from app.jobs.tables import TrainingJob
from app.releases.locks import lock_release, lock_rollout
from app.releases.queries import last_kinds, plan_of
from app.releases.service import (
    INTERNAL_ERROR,
    REQUEUED_RELEASE,
    REQUEUED_ROLLOUT,
    fail_rollout,
    move_release,
    note_requeued,
    renew_attempt,
)
from app.releases.states import DRIVEN, TIMED, DryRunState, Status
from app.releases.tables import DryRun, Release, Rollout
from app.releasing.requests import have_it_prepared
from app.releasing.work import Work
from app.steps.contract import Interrupted

log = structlog.get_logger(__name__)

DROP_SECONDS = (
    30.0  # that the engine and this process may differ: between being taken out of the queue and beginning is a moment
)
MOST_IN_A_ROW = 5  # that a row is enqueued anew without anything else happening to it
GIVEN_UP = "It was queued anew {} times, and nothing came of it. Look for its id in the logs of the workers."


@dataclass(frozen=True)
class Wanting:
    """A row that wants a workflow: whose id is ``workflow``, or begins with it and a colon. ``requeue`` tells whether it did."""

    workflow: str
    requeue: Callable[[Work], bool]


class Reconciliation:
    """One worker's. ``restore_queues`` is called where the engine may have lost them."""

    def __init__(
        self, worker: WorkerContext, *, restore_queues: Callable[[], None], drop_seconds: float = DROP_SECONDS
    ) -> None:
        self._shop = worker
        self._restore_queues = restore_queues
        self._drop_seconds = drop_seconds
        self._not_driven_since: dict[str, float] = {}

    def keep(self, *, seconds: float) -> None:
        """Look every so often, in a thread that ends with the process."""
        threading.Thread(target=self._keep, args=(seconds,), name="reconcile", daemon=True).start()

    def look(self) -> list[str]:
        """Look once; what was enqueued anew, by the id that was missed."""
        worker = self._shop
        self._restore_queues()
        self._drop_what_is_not_carried_out()
        wanting = worker.read(lambda session: [*_wanting(session, worker)])
        if not wanting:
            return []
        # Read after the rows: what was enqueued together with a row that we have seen is among them.
        driven = _with_prefixes(worker.queue.waiting_or_running())
        found = []
        for each in wanting:
            if each.workflow not in driven and self._requeued(each):
                log.warning("requeued", workflow=each.workflow)
                found.append(each.workflow)
        return found

    def _requeued(self, wanting: Wanting) -> bool:
        try:
            return self._shop.write(wanting.requeue)
        except Interrupted:
            raise
        except Exception:
            log.exception("requeue_broke", workflow=wanting.workflow)  # one row must not keep all the others waiting
            return False

    def _drop_what_is_not_carried_out(self) -> None:
        """Of this process alone: what others carry out, they know."""
        worker, now = self._shop, time.monotonic()
        missing = [each for each in worker.queue.running_at(worker.identity.id) if each not in worker.driven]
        self._not_driven_since = {each: self._not_driven_since.get(each, now) for each in missing}
        for each, since in self._not_driven_since.items():
            if now - since >= self._drop_seconds:
                log.warning("dropped", workflow=each)
                worker.queue.drop(each)

    def _keep(self, seconds: float) -> None:
        signals = self._shop.signals
        while not signals.is_stopping:
            signals.pause_for(seconds)
            try:
                signals.require_going_on()
                self.look()
            except BaseException:
                # Whatever one look ran into, the next may do without; a worker that must let go looks no more than this once.
                log.exception("reconcile_broke")


def _with_prefixes(ids: Collection[str]) -> set[str]:
    return {*ids, *(each.rpartition(":")[0] for each in ids)}


def _wanting(session: Session, worker: WorkerContext) -> list[Wanting]:
    found = []
    for rollout in session.exec(select(Rollout).where(col(Rollout.status).in_(DRIVEN))).all():
        found.append(Wanting(f"{rollout.id}:{rollout.attempt}", _rollout(worker, rollout.id, rollout.attempt)))
    for rollout in session.exec(select(Rollout).where(col(Rollout.status).in_(TIMED))).all():
        found.append(Wanting(f"{rollout.id}:look", _timer(rollout.id)))
    pending = select(Release.id, Release.revision).where(
        Release.status == Status.PENDING, col(Release.content).is_(None)
    )
    for release, revision in session.exec(pending).all():
        found.append(Wanting(f"{release}:prepare", _release(worker, release, revision)))
    for job, looks in session.exec(
        select(TrainingJob.id, TrainingJob.looks).where(col(TrainingJob.is_final).is_(False))
    ):
        assert job is not None, "a stored job has an id"
        found.append(Wanting(f"job-{job}:look", _job(worker, job, looks)))
    for run in session.exec(select(DryRun.id).where(DryRun.state == DryRunState.PENDING)).all():
        found.append(Wanting(run, _dry_run(worker, run)))
    return found


def _rollout(worker: WorkerContext, rollout_id: str, attempt: int) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        rollout, release, _ = lock_rollout(work, rollout_id)
        if rollout.attempt != attempt or rollout.status not in DRIVEN or is_driven(work, worker, rollout):
            return False
        if _gets_nowhere(work, release, REQUEUED_ROLLOUT):
            fail_rollout(work, rollout_id, GIVEN_UP.format(MOST_IN_A_ROW))
            return False
        workflow_id = renew_attempt(work, rollout)
        work.queue.carry_out_rollout(work, rollout_id, workflow_id=workflow_id, target=rollout.target)
        return True

    return requeue


def _gets_nowhere(session: Session, release: Release, kind: str) -> bool:
    return last_kinds(session, release.id, limit=MOST_IN_A_ROW) == [kind] * MOST_IN_A_ROW


def _timer(rollout_id: str) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        rollout, release, _ = lock_rollout(work, rollout_id)
        now = work.now
        if rollout.status is Status.PENDING_APPROVAL:
            at = expiry_of(rollout, plan_of(work, rollout))
        elif rollout.status is Status.SCHEDULED:
            frozen = frozen_for(work, model=release.model, stage=rollout.stage, target=rollout.target, now=now)
            at = now if frozen is None else frozen.until
        else:
            return False
        if at is None:  # it waits for people alone
            return False
        work.queue.look_at_rollout(work, rollout_id, at=max(at, now), now=now)
        return True

    return requeue


def _release(worker: WorkerContext, release_id: str, revision: int) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        release = lock_release(work, release_id)
        if release.revision != revision or release.status is not Status.PENDING or release_id in worker.driven:
            return False
        if _gets_nowhere(work, release, REQUEUED_RELEASE):
            said = {"code": INTERNAL_ERROR, "sentence": GIVEN_UP.format(MOST_IN_A_ROW)}
            move_release(work, release, Status.FAILED, **said)
            return False
        note_requeued(work, release)
        have_it_prepared(work, release)
        return True

    return requeue


def _job(worker: WorkerContext, job_id: int, looks: int) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        job = work.get_one(TrainingJob, job_id, with_for_update=True)
        if job.is_final or job.looks != looks or f"job-{job_id}" in worker.driven:
            return False
        if job.unanswered > LOST_AFTER:
            said = {"code": INTERNAL_ERROR, "sentence": GIVEN_UP.format(LOST_AFTER)}
            end_without_sighting(work, job, **said)
            return False
        work.queue.look_at_job(work, job_id, look=renew_looks(work, job), delay=0)
        return True

    return requeue


def _dry_run(worker: WorkerContext, run_id: str) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        run = work.get(DryRun, run_id, with_for_update=True)
        if run is None or run.state is not DryRunState.PENDING or run.expires_at <= work.now or run_id in worker.driven:
            return False
        work.queue.plan_dry_run(work, run_id, attempt=secrets.token_hex(4))  # two at once keep one result
        return True

    return requeue
