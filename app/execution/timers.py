"""A look at a rollout that waits, when its time has come: what nobody decided expires, what a freeze kept out begins."""

from datetime import datetime

from dbos import DBOS
from sqlmodel import Session

from app.approvals.service import expiry_of
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.guardrails.rules import Guardrails
from app.identity.actor import SERVICE
from app.releases.locks import lock_release
from app.releases.queries import plan_of
from app.releases.service import fail_rollout, move_rollout
from app.releases.states import TIMED, Status
from app.releases.tables import Release, Rollout
from app.releasing.advance import enqueue_rollout
from app.releasing.asking import void_approvals
from app.releasing.names import LOOK_AT_ROLLOUT
from app.releasing.queue import WorkQueue


def register_looks(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""

    @DBOS.workflow(name=LOOK_AT_ROLLOUT, max_recovery_attempts=None)
    def look(rollout_id: str) -> str:
        return look_at_rollout(worker, rollout_id)


def look_at_rollout(worker: WorkerContext, rollout_id: str) -> str:
    """Look once; the rollout's status."""

    def look() -> str:
        with worker.signals.act():
            return worker.write(
                lambda session: look_once(session, worker.queue, worker.guardrails, rollout_id, now=worker.now())
            )

    return carry_out_bounded(
        worker,
        f"{rollout_id}:look",
        look,
        fail=[lambda why, session: _fail(session, rollout_id, why, now=worker.now())],
    )


def _fail(session: Session, rollout_id: str, sentence: str, *, now: datetime) -> str:
    """What cannot begin, or expire, when its time has come, must not wait as if its time were still ahead."""
    rollout = session.get_one(Rollout, rollout_id)
    if rollout.status not in TIMED:
        return rollout.status.value
    return fail_rollout(session, rollout_id, sentence, now=now).value


def look_once(session: Session, queue: WorkQueue, guardrails: Guardrails, rollout_id: str, *, now: datetime) -> str:
    """Whatever it waits for may have gone on without this look: then nothing is done."""
    rollout = session.get_one(Rollout, rollout_id)
    release = lock_release(session, rollout.release_id)
    session.refresh(rollout)
    if rollout.status is Status.PENDING_APPROVAL:
        _expire(session, queue, release, rollout, now=now)
    elif rollout.status is Status.SCHEDULED:
        enqueue_rollout(session, queue, guardrails, release, rollout, actor=SERVICE, now=now)
    return rollout.status.value


def _expire(session: Session, queue: WorkQueue, release: Release, rollout: Rollout, *, now: datetime) -> None:
    expiry = expiry_of(rollout, plan_of(session, rollout))
    if expiry is None:
        return
    if now < expiry:  # asked anew since, or this machine's clock is behind
        queue.look_at_rollout(session, rollout.id, at=expiry, now=now)
        return
    said = f"Nobody decided before {expiry:%Y-%m-%d %H:%M} UTC."
    void_approvals(session, release, rollout, because=said, actor=SERVICE, now=now)
    move_rollout(session, rollout, Status.EXPIRED, code="approval_expired", sentence=said, actor=SERVICE, now=now)
