"""Rows whose work the engine has lost: found periodically, and queued again.

Our rows are the truth. One whose status wants a workflow is looked for among those that the engine will carry out or does; where the
engine has lost it, or ended it without our row knowing, it is enqueued again. That is free of races: something is changed under the
row's lock, so the second of two workers finds that it was changed; and a workflow that is still at work unknown to the engine finds
the same, and stops. What is enqueued again and again without getting any further is failed. What has a time at which it goes on by
itself wants no workflow: it is the workers' timers that look after it.

The other way round, the engine may believe for ever that a worker carries something out: one that is gone, or this process, where it
ended without the engine hearing of it, or never began. It would keep everything at the same target waiting. So it is dropped first.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlmodel import Session, select

from app.execution.bounded import write_failure
from app.execution.context import WorkerContext
from app.execution.giving_up import ways_to_give_up
from app.execution.rollout import is_driven_elsewhere
from app.releases.at_target import whose_turn
from app.releases.attempts import (
    INTERNAL_ERROR,
    REQUEUED_RELEASE,
    REQUEUED_ROLLOUT,
    note_requeued,
    renew_attempt,
)
from app.releases.locks import lock_release, lock_rollout
from app.releases.queries import driven_targets, last_in_a_row, unprepared
from app.releases.service import move_release
from app.releases.states import DRIVEN, DryRunState, Status
from app.releases.tables import DryRun, Release
from app.releasing.names import about_of, preparation_of
from app.releasing.work import Work
from app.steps.contract import Interrupted
from app.workers.queries import last_change, live_ids

log = structlog.get_logger(__name__)

DROP_SECONDS = (
    30.0  # that the engine and this process may differ: between being taken out of the queue and beginning is a moment
)
KEPT_SECONDS = 3600.0  # that the engine's rows of what is over may be looked at; ours say what came of it
MOST_IN_A_ROW = 5  # that a row is enqueued anew without anything else happening to it, while all workers live
MOST_WITH_LOSSES = (
    50  # the same where workers are lost meanwhile: what ends each worker that takes it up must come to an end too
)
GIVEN_UP = "It was queued again {} times without progress. See its id in the logs of the workers."


@dataclass(frozen=True)
class Wanting:
    """A row that wants a workflow ``about`` it. ``requeue`` tells whether it did."""

    about: str
    requeue: Callable[[Work], bool]


class _GetsNowhere(Exception):
    """It was queued again and again in vain."""

    def __init__(self, rollout_id: str, attempt: int, times: int) -> None:
        self.ways = ways_to_give_up(rollout_id, attempt=attempt)
        self.sentence = GIVEN_UP.format(times)


class Reconciliation:
    """One worker's. ``restore_queues`` is called where the engine may have lost them."""

    def __init__(
        self, worker: WorkerContext, *, restore_queues: Callable[[], None], drop_seconds: float = DROP_SECONDS
    ) -> None:
        self._worker = worker
        self._restore_queues = restore_queues
        self._drop_seconds = drop_seconds
        self._not_driven_since: dict[str, float] = {}

    def keep(self, *, seconds: float, soon: threading.Event) -> None:
        """Look every so often, and at once when told to, in a thread that ends with the process."""
        threading.Thread(target=self._keep, args=(seconds, soon), name="reconcile", daemon=True).start()

    def look(self) -> list[str]:
        """Look once; what workflows that were missed were about: they were enqueued anew."""
        worker = self._worker
        self._restore_queues()
        self._drop_what_is_not_carried_out()
        worker.queue.delete_over(before=worker.now() - timedelta(seconds=KEPT_SECONDS))
        wanting = worker.read(lambda session: [*_wanting(session, worker)])
        if not wanting:
            return []
        # Read after the rows: what was enqueued together with a row that we have seen is among them.
        driven = {about_of(each) for each in worker.queue.waiting_or_running()}
        found = []
        for each in wanting:
            if each.about not in driven and self._requeued(each):
                log.warning("requeued", about=each.about)
                found.append(each.about)
        return found

    def _requeued(self, wanting: Wanting) -> bool:
        try:
            return self._requeue(wanting)
        except Interrupted:
            raise
        except Exception:
            log.exception("requeue_failed", about=wanting.about)  # one row must not keep all the others waiting
            return False

    def _requeue(self, wanting: Wanting) -> bool:
        """Whether it goes on: what gets nowhere does so to bring back what it changed."""
        try:
            return self._worker.write(wanting.requeue)
        except _GetsNowhere as stuck:
            return write_failure(self._worker, stuck.ways, stuck.sentence) in DRIVEN

    def _drop_what_is_not_carried_out(self) -> None:
        """What workers drove that are gone, what nobody with this version takes, and what this process does not: what the others carry out,
        they know."""
        worker, now = self._worker, time.monotonic()
        # Queued anew, it is for whoever comes first, whatever version that has.
        for each in worker.queue.left_by_others():
            log.warning("work_of_another_version_taken_over", workflow=each)
            worker.queue.drop(each)
        running = worker.queue.running()
        live = worker.read(live_ids)  # read afterwards: a worker has its lease before it takes any work
        for each, by in running.items():
            if by not in live:
                log.warning("work_taken_over", workflow=each, worker=by)
                worker.queue.drop(each)
        missing = [each for each, by in running.items() if by == worker.identity.id and each not in worker.driven]
        self._not_driven_since = {each: self._not_driven_since.get(each, now) for each in missing}
        for each, since in self._not_driven_since.items():
            if now - since >= self._drop_seconds:
                log.warning("workflow_dropped", workflow=each)
                worker.queue.drop(each)

    def _keep(self, seconds: float, soon: threading.Event) -> None:
        signals = self._worker.signals
        while not signals.is_stopping:
            soon.wait(seconds)
            soon.clear()
            try:
                if signals.may_go_on():
                    self.look()
            except BaseException:
                # Whatever one look ran into, the next may do without; a worker that must let go looks no more than this once.
                log.exception("reconcile_failed")


def _wanting(session: Session, worker: WorkerContext) -> list[Wanting]:
    found = []
    for target in driven_targets(session):
        try:
            rollout = whose_turn(session, target)
        except Exception:
            log.exception("turn_not_known", target=target)  # one target must not keep all the others waiting
            continue
        if rollout is not None and rollout.due_at is None:
            found.append(Wanting(target, _rollout(worker, rollout.id, rollout.attempt)))
    for release, revision in unprepared(session):
        found.append(Wanting(preparation_of(release), _release(worker, release, revision)))
    for run in session.exec(select(DryRun.id).where(DryRun.state == DryRunState.PENDING)).all():
        found.append(Wanting(run, _dry_run(worker, run)))
    return found


def _rollout(worker: WorkerContext, rollout_id: str, attempt: int) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        rollout, release, steps = lock_rollout(work, rollout_id)
        if rollout.attempt != attempt or rollout.status not in DRIVEN or rollout.due_at is not None:
            return False
        if rollout_id in worker.driven or is_driven_elsewhere(work, worker, steps):
            return False
        if times := _gets_nowhere(work, worker, release, REQUEUED_ROLLOUT):
            raise _GetsNowhere(rollout_id, attempt, times)
        renew_attempt(work, rollout)
        work.queue.move_target(work, rollout.target)
        return True

    return requeue


def _gets_nowhere(session: Session, worker: WorkerContext, release: Release, kind: str) -> int:
    """How many times in a row it was enqueued anew for nothing; 0 while that may have other reasons: workers that were killed."""
    times = last_in_a_row(session, release.id, kind, limit=MOST_WITH_LOSSES)
    if len(times) == MOST_WITH_LOSSES:
        return len(times)
    if len(times) < MOST_IN_A_ROW or times[MOST_IN_A_ROW - 1].at <= last_change(session, worker.identity.id):
        return 0
    return len(times)


def _release(worker: WorkerContext, release_id: str, revision: int) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        release = lock_release(work, release_id)
        if release.revision != revision or release.status is not Status.PENDING or release_id in worker.driven:
            return False
        if times := _gets_nowhere(work, worker, release, REQUEUED_RELEASE):
            said = {"code": INTERNAL_ERROR, "sentence": GIVEN_UP.format(times)}
            move_release(work, release, Status.FAILED, **said)
            return False
        note_requeued(work, release)
        work.link_events()  # from now on its revision is another, also in this transaction
        work.queue.prepare_release(work, release.id)
        return True

    return requeue


def _dry_run(worker: WorkerContext, run_id: str) -> Callable[[Work], bool]:
    def requeue(work: Work) -> bool:
        run = work.get(DryRun, run_id, with_for_update=True)
        if run is None or run.state is not DryRunState.PENDING or run.expires_at <= work.now or run_id in worker.driven:
            return False
        work.queue.plan_dry_run(work, run_id)  # two at once keep one result
        return True

    return requeue
