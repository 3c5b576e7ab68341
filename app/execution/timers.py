"""One timer in each worker: what is due by now is a row with a time, and is done by a few threads.

There is no workflow of the engine for it. A worker that is killed in the middle leaves it due.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from app.approvals.service import expiry_of
from app.database.watch import Look
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.execution.giving_up import ways_to_give_up
from app.execution.poll_jobs import poll_job
from app.execution.scan_drift import scan_drift
from app.execution.sweep import queue_sweep
from app.jobs.queries import due_polls, next_poll
from app.releases.attempts import set_due
from app.releases.locks import lock_release
from app.releases.queries import due, next_due, plan_of
from app.releases.service import move_rollout
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.advance import enqueue_rollout
from app.releasing.asking import void_approvals
from app.releasing.names import sweep_of
from app.releasing.work import Work
from app.serving.idle import due_sweeps
from app.serving.scans import due_scans
from app.steps.contract import Interrupted
from app.workers.queries import live_ids

log = structlog.get_logger(__name__)

AT_ONCE = 8  # that are done side by side
LONGEST_SECONDS = 3.0  # between two looks at what is due, though nothing was changed


class Timer:
    """One worker's."""

    def __init__(self, worker: WorkerContext) -> None:
        self._worker = worker
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="timer")
        self._begun: dict[str, Future[None]] = {}

    def keep(self, *, seconds: float) -> None:
        """Begin every so often what is due, in a thread that ends when the worker is stopped."""
        threading.Thread(target=self._keep, args=(seconds,), name="timer", daemon=True).start()

    def begin_due(self) -> list[Future[None]]:
        """Begin what is due by now, as far as there are threads for it; what has begun."""
        worker, now = self._worker, self._worker.now()
        self._begun = {subject: each for subject, each in self._begun.items() if not each.done()}
        free = AT_ONCE - len(self._begun)
        found = worker.read(lambda session: _due(session, worker, now=now)) if free else {}
        new = {subject: body for subject, body in found.items() if subject not in self._begun}
        begun = {subject: self._threads.submit(_carry_out, subject, new[subject]) for subject in [*new][:free]}
        self._begun |= begun
        return [*begun.values()]

    def _keep(self, seconds: float) -> None:
        signals, look = self._worker.signals, Look(self._worker.database.watch, seconds=LONGEST_SECONDS)
        while not signals.is_stopping:
            signals.pause_for(seconds)
            try:
                if signals.may_go_on() and look.is_time():
                    self.begin_due()
                    look.again_in(self._seconds_to_next())
            except BaseException:
                # Whatever one round ran into, the next may do without; what was due still is.
                log.exception("timer_failed")

    def _seconds_to_next(self) -> float:
        """Until something is due that nobody has to be told of: a time that is on record comes."""
        worker = self._worker
        times = [
            each for each in worker.read(lambda session: [next_due(session), next_poll(session)]) if each is not None
        ]
        return (min(times) - worker.now()).total_seconds() if times else LONGEST_SECONDS


def _due(session: Session, worker: WorkerContext, *, now: datetime) -> dict[str, Callable[[], object]]:
    """What is to be done by now, by what it is about."""
    others = live_ids(session) - {worker.identity.id}
    rollouts = due(session, now=now, limit=AT_ONCE)
    sweeps = due_sweeps(session, now=now, limit=AT_ONCE) if worker.settings.sweep_seconds else []
    jobs = due_polls(session, now=now, busy=others, limit=2 * AT_ONCE)  # some of them are polled by this worker now
    targets = due_scans(session, now=now, scheduled=worker.settings.drift_seconds > 0, limit=AT_ONCE)
    return {
        **{rollout_id: partial(wake_rollout, worker, rollout_id) for rollout_id in rollouts},
        **{f"job-{job_id}": partial(poll_job, worker, job_id, due_at=at) for job_id, at in jobs},
        **{sweep_of(target): partial(queue_sweep, worker, target) for target in sweeps},
        **{f"target-{target}": partial(scan_drift, worker, target) for target in targets},
    }


def _carry_out(subject: str, body: Callable[[], object]) -> None:
    try:
        body()
    except Interrupted as stop:
        log.info("workflow_let_go", subject=subject, sentence=stop.sentence)
    except BaseException:
        log.exception("due_not_done", subject=subject)  # it stays due


def wake_rollout(worker: WorkerContext, rollout_id: str) -> Status:
    """Do what is due for a rollout; its status then."""
    return carry_out_bounded(
        worker,
        f"{rollout_id}:timer",
        lambda: worker.write(lambda work: do_what_is_due(work, rollout_id)),
        requeue=lambda _work: None,  # it stays due
        # What cannot begin, or expire, when its time has come must not wait as if its time were still ahead.
        fail=ways_to_give_up(rollout_id),
    )


def do_what_is_due(work: Work, rollout_id: str) -> Status:
    """What nobody decided expires, what a freeze kept out begins, a step that has waited is carried out again."""
    rollout = work.get_one(Rollout, rollout_id)
    release = lock_release(work, rollout.release_id)
    work.refresh(rollout)
    if rollout.due_at is None or rollout.due_at > work.now:
        return rollout.status  # another worker has done it, or it has become due later
    match rollout.status:
        case Status.PENDING_APPROVAL:
            _expire(work, release, rollout)
        case Status.SCHEDULED:
            enqueue_rollout(work, release, rollout)
        case _:
            set_due(work, rollout, None)
            work.queue.move_target(work, rollout.target)
    return rollout.status


def _expire(work: Work, release: Release, rollout: Rollout) -> None:
    expiry = expiry_of(rollout, plan_of(work, rollout))
    if expiry is None or work.now < expiry:
        set_due(work, rollout, expiry)
        return
    said = f"Nobody decided before {expiry:%Y-%m-%d %H:%M} UTC."
    void_approvals(work, release, rollout, because=said)
    move_rollout(work, rollout, Status.EXPIRED, code="approval_expired", sentence=said)
