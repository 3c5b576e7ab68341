"""What comes next in a release: its next stage goes through the gates in order, and into the queue behind the last of them.

At the first gate that is closed the rollout waits, or ends. It is walked through them when it is reached, again by whatever opens the
gate that it waits at, and a last time when its turn in the queue has come: until then anything may have changed.
"""

from app.errors import Conflict
from app.planning.ids import model_of
from app.planning.purpose import Purpose
from app.planning.sources import read_source
from app.releases.at_target import has_begun_to_go_back, in_the_way, is_queued_at, must_go_back, waiting_before
from app.releases.attempts import begin_attempt, set_due
from app.releases.locks import lock_release
from app.releases.queries import rollout_ahead, scheduled, waiting_of
from app.releases.service import move_rollout
from app.releases.states import ENDS, WAITING, Status
from app.releases.tables import Release, Rollout, StoredPlan
from app.releasing.asking import ask_people, end_for_its_record, void_approvals
from app.releasing.gates.cancelled import cancelled
from app.releasing.gates.frozen import frozen
from app.releasing.gates.gate import Closed, Gate
from app.releasing.gates.overtaken import outdated, overtaken, superseded
from app.releasing.gates.refused import refused
from app.releasing.gates.soaking import soaked_in_vain, soaking
from app.releasing.gates.unapproved import unapproved
from app.releasing.stopping import stop_release
from app.releasing.work import Work

WHEN_REACHED = (cancelled, overtaken, outdated, refused, soaked_in_vain, unapproved, soaking, frozen)
WHEN_TAKEN_UP_AGAIN = (outdated, soaked_in_vain, unapproved, soaking, frozen)
WHEN_APPROVED = (soaking, frozen)
WHEN_ITS_TURN_HAS_COME = (outdated, refused, unapproved, soaking, frozen)


def advance_release(work: Work, release: Release) -> None:
    """Take the first stage that has not been reached to where it can go by itself."""
    ahead = rollout_ahead(work, release)
    if ahead is None or ahead.status is not Status.PENDING:
        return
    enqueue_rollout(work, release, ahead, gates=WHEN_REACHED)
    if ahead.status.is_final:
        return
    if release.purpose is Purpose.ROLLBACK:
        make_way(work, release, ahead.target)
    elif release.purpose is Purpose.RELEASE:
        _supersede_older(work, release, ahead)


def enqueue_rollout(work: Work, release: Release, rollout: Rollout, *, gates: tuple[Gate, ...] = WHEN_APPROVED) -> None:
    """Queue it behind what its target has to do before, if these gates are open."""
    if _passes(work, release, rollout, gates):
        begin_attempt(work, rollout)
        work.queue.move_target(work, rollout.target)
        if release.purpose is Purpose.ROLLBACK:
            make_way(work, release, rollout.target)  # what came there while people were asked


def may_begin(work: Work, release: Release, rollout: Rollout) -> bool:
    """The last look, when its turn in the queue has come. If not, it waits for what it must wait for, or has ended."""
    return _passes(work, release, rollout, WHEN_ITS_TURN_HAS_COME)


def reconsider_scheduled(work: Work) -> None:
    """Freezes have changed: whether what waits for their end may begin is decided anew, by a worker."""
    for rollout in scheduled(work):
        set_due(work, rollout, work.now)


def free_target(work: Work, target: str) -> None:
    """A rollout moves it no more: those that came to it meanwhile found it taken, and are told. Others asked for them."""
    if is_queued_at(work, target):
        work.queue.move_target(work, target, in_trace=False)


def end_soaks_in_vain(work: Work, moved: Rollout) -> None:
    """Something else may serve where this one moved traffic: what waits for its time there, and cannot get it any more, ends now."""
    for waiting in waiting_of(work, model_of(moved.release_id)):
        release = lock_release(work, waiting.release_id)
        work.refresh(waiting)
        if waiting.status in {Status.PENDING_APPROVAL, Status.SCHEDULED} and not _is_midway(work, waiting):
            try:
                closed = soaked_in_vain(work, release, waiting)
            except Conflict as no:
                end_for_its_record(work, waiting, no)
                continue
            if closed is not None:
                _stop_at(closed, work, release, waiting)


def _passes(work: Work, release: Release, rollout: Rollout, gates: tuple[Gate, ...]) -> bool:
    """Whether all of these gates are open; at the first that is not, the rollout stops."""
    # Most gates look at it: a session lets go of what nobody holds, and reads it anew.
    held = work.get(StoredPlan, rollout.plan_digest)
    for gate in _gates_midway(work, release, rollout, gates):
        closed = gate(work, release, rollout)
        if closed is not None:
            _stop_at(closed, work, release, rollout)
            return False
    del held
    return True


def _gates_midway(work: Work, release: Release, rollout: Rollout, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """What has split its target's traffic must not end at a gate, and nobody is asked once more: only a freeze has it wait. On its way
    back nothing does: a hold that its own failure left there would keep it from that."""
    if not _is_midway(work, rollout):
        return gates
    is_back = release.control in ENDS or has_begun_to_go_back(work, rollout)
    return () if is_back else tuple(gate for gate in gates if gate is frozen)


def _is_midway(work: Work, rollout: Rollout) -> bool:
    """Whether it has split its target's traffic, whatever it waits for now: it goes on or back, and nothing else ends it."""
    return rollout.started_at is not None and must_go_back(work, rollout)


def _stop_at(closed: Closed, work: Work, release: Release, rollout: Rollout) -> None:
    if closed.becomes is Status.SCHEDULED:
        if (rollout.status, rollout.sentence) != (Status.SCHEDULED, closed.sentence):
            move_rollout(work, rollout, Status.SCHEDULED, code=closed.code, sentence=closed.sentence)
        set_due(work, rollout, closed.until)
        return
    void_approvals(work, release, rollout, because=closed.sentence, changed=closed.changed)
    if closed.becomes is Status.PENDING_APPROVAL:
        ask_people(work, release, rollout)
    else:
        move_rollout(work, rollout, closed.becomes, code=closed.code, sentence=closed.sentence)


def make_way(work: Work, release: Release, target: str) -> None:
    """For a release that goes back: what waits there is superseded, what runs there is asked to stop at its next safe point.

    Newer ones too: who asked for them did not know of it.
    """
    for each in in_the_way(work, target, release.model):
        other = lock_release(work, each.release_id)
        work.refresh(each)
        if other.id == release.id:
            continue
        is_moving = each.status is Status.IN_PROGRESS or (
            each.status in {*WAITING, Status.PAUSED} and must_go_back(work, each)
        )
        if is_moving and other.control not in ENDS:
            stop_release(work, other, reason=f"{release.id} goes back to {read_source(release.source).name}.")
        elif not is_moving and each.status in {*WAITING, Status.PAUSED}:
            _supersede(work, each, by=release)


def _supersede(work: Work, rollout: Rollout, *, by: Release) -> None:
    _stop_at(superseded(by=by.id), work, work.get_one(Release, rollout.release_id), rollout)


def _supersede_older(work: Work, release: Release, rollout: Rollout) -> None:
    """A newer release that gets to a stage replaces older ones of its model that still wait there; never one that has begun."""
    for older in waiting_before(work, release, rollout):
        if not _is_midway(work, older):
            _supersede(work, older, by=release)
