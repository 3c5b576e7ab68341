"""A look at a rollout that waits, when its time has come: what nobody decided expires, what a freeze kept out begins."""

from dbos import DBOS

from app.approvals.service import expiry_of
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.releases.locks import lock_release
from app.releases.queries import plan_of
from app.releases.service import fail_rollout, move_rollout
from app.releases.states import TIMED, Status
from app.releases.tables import Release, Rollout
from app.releasing.advance import enqueue_rollout
from app.releasing.asking import void_approvals
from app.releasing.names import LOOK_AT_ROLLOUT
from app.releasing.work import Work


def register_looks(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""

    @DBOS.workflow(name=LOOK_AT_ROLLOUT, max_recovery_attempts=None)
    def look(rollout_id: str) -> str:
        return look_at_rollout(worker, rollout_id)


def look_at_rollout(worker: WorkerContext, rollout_id: str) -> str:
    """Look once; the rollout's status."""

    def look() -> str:
        with worker.signals.act():
            return worker.write(lambda work: look_once(work, rollout_id))

    return carry_out_bounded(
        worker,
        f"{rollout_id}:look",
        look,
        fail=[lambda why, work: _fail(work, rollout_id, why)],
    )


def _fail(work: Work, rollout_id: str, sentence: str) -> str:
    """What cannot begin, or expire, when its time has come, must not wait as if its time were still ahead."""
    rollout = work.get_one(Rollout, rollout_id)
    if rollout.status not in TIMED:
        return rollout.status.value
    return fail_rollout(work, rollout_id, sentence).value


def look_once(work: Work, rollout_id: str) -> str:
    """Whatever it waits for may have gone on without this look: then nothing is done."""
    rollout = work.get_one(Rollout, rollout_id)
    release = lock_release(work, rollout.release_id)
    work.refresh(rollout)
    if rollout.status is Status.PENDING_APPROVAL:
        _expire(work, release, rollout)
    elif rollout.status is Status.SCHEDULED:
        enqueue_rollout(work, release, rollout)
    return rollout.status.value


def _expire(work: Work, release: Release, rollout: Rollout) -> None:
    expiry = expiry_of(rollout, plan_of(work, rollout))
    if expiry is None:
        return
    if work.now < expiry:  # asked anew since, or this machine's clock is behind
        work.queue.look_at_rollout(work, rollout.id, at=expiry, now=work.now)
        return
    said = f"Nobody decided before {expiry:%Y-%m-%d %H:%M} UTC."
    void_approvals(work, release, rollout, because=said)
    move_rollout(work, rollout, Status.EXPIRED, code="approval_expired", sentence=said)
