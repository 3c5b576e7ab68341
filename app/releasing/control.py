"""Controlling a release: cancel, pause, resume, retry."""

from app.errors import Conflict
from app.identity.roles import Permission
from app.planning.sources import read_source, say_source
from app.releases.asked import ask_of, forget_what_was_asked
from app.releases.at_target import must_go_back, overtaken_by
from app.releases.attempts import plan_again
from app.releases.locks import lock_release
from app.releases.queries import plan_of, rollout_ahead
from app.releases.questions import question_of
from app.releases.service import move_release, move_rollout
from app.releases.states import ENDS, Control, Status
from app.releases.tables import Release, Rollout
from app.releasing.advance import WHEN_TAKEN_UP_AGAIN, enqueue_rollout
from app.releasing.permissions import about_release
from app.releasing.stopping import said_by, stop_release
from app.releasing.work import Work


@about_release(Permission.OPERATE)
def cancel(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Cancel: at once where nothing runs, else at the next safe point. Raises Conflict when it has ended."""
    release = lock_release(work, release_id)
    if release.status.is_final:
        raise _wrong_state(release, "has ended", code="already_ended")
    if release.control is Control.CANCEL:
        return release
    if release.control is Control.ABORT:
        raise _wrong_state(release, "is being aborted already, which brings its traffic back", code="already_aborting")
    if release.status is Status.ROLLING_BACK:
        raise _wrong_state(release, "is bringing back what it changed", code="rolling_back")
    stop_release(work, release, reason=reason)
    return release


@about_release(Permission.OPERATE)
def abort(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Go back to what served before; where it asks people before it moves any traffic, stop there. Raises Conflict where nothing of it
    has moved traffic yet, or all of it has.
    """
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    if release.status is Status.ROLLING_BACK:
        raise _wrong_state(release, "is bringing back what it changed", code="rolling_back")
    if release.control is Control.ABORT:
        return release
    if release.control is Control.CANCEL:
        raise _wrong_state(
            release, "is being cancelled already, which brings its traffic back, too", code="already_cancelling"
        )
    if ahead is None or not (must_go_back(work, ahead) or question_of(work, ahead)) or release.status.is_final:
        raise Conflict(
            f"{release.id} has no traffic that could be brought back: it is {release.status.value}. {release.sentence}",
            code="nothing_to_abort",
            hint=f"Before traffic moves: `mlrelease release cancel {release.id}`. Once it has all of the traffic: "
            f"`mlrelease rollback {release.model} STAGE`.",
        )
    stop_release(work, release, reason=reason, control=Control.ABORT)
    return release


@about_release(Permission.OPERATE)
def pause(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Pause what runs or waits in the queue. Raises Conflict in any other state."""
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    if ahead is None or ahead.status not in {Status.QUEUED, Status.IN_PROGRESS}:
        raise _wrong_state(release, "is neither running nor queued", code="not_running")
    if release.control is Control.PAUSE:
        return release
    if release.control in ENDS:
        raise _wrong_state(release, "is bringing back what it changed", code="rolling_back")
    ask_of(work, release, Control.PAUSE, reason=reason)
    if ahead.status is Status.QUEUED:
        move_rollout(work, ahead, Status.PAUSED, code="paused", sentence=said_by("Paused", work.actor.name, reason))
    else:
        work.queue.move_target(work, ahead.target)  # where its steps wait, nobody is at it
    return release


@about_release(Permission.OPERATE)
def resume(work: Work, release_id: str) -> Release:
    """Go on with a paused release where it stopped. Raises Conflict when it is not paused, or a newer one has overtaken it."""
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    if ahead is None or ahead.status is not Status.PAUSED:
        raise _wrong_state(release, "is not paused", code="not_paused")
    _go_on(work, release, ahead)
    return release


@about_release(Permission.OPERATE)
def retry(work: Work, release_id: str) -> Release:
    """Go on from what failed or was cancelled, keeping what is done. Raises Conflict when nothing did, or when overtaken."""
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    if release.status is Status.FAILED and ahead is None:
        sentence = "Looking up the release's content again."
        move_release(work, release, Status.PENDING, code="preparing", sentence=sentence)
        work.queue.prepare_release(work, release.id)
    elif ahead is not None and ahead.status is Status.CANCELLED and must_go_back(work, ahead):
        raise _wrong_state(release, "has brought back what it changed", code="went_back")
    elif ahead is not None and (ahead.status is Status.FAILED or (ahead.status is Status.CANCELLED and ahead.attempt)):
        _go_on(work, release, ahead)
    else:
        raise _wrong_state(release, "has nothing to retry", code="nothing_to_retry")
    return release


def _go_on(work: Work, release: Release, rollout: Rollout) -> None:
    if rollout.status.is_final or not must_go_back(work, rollout):
        _require_newest(work, release, rollout)  # else it has kept its target: nothing newer has got there
    if not (release.control in ENDS and must_go_back(work, rollout)):
        forget_what_was_asked(work, release)  # what was cancelled midway, and is not back yet, goes on going back
    plan_again(work, rollout, plan_of(work, rollout).read())
    enqueue_rollout(work, release, rollout, gates=WHEN_TAKEN_UP_AGAIN)  # a cancellation took the approvals with it


def _require_newest(work: Work, release: Release, rollout: Rollout) -> None:
    """An older model does not come after a newer one without anybody noticing."""
    newer = overtaken_by(work, release, rollout)
    if newer is not None:
        raise Conflict(
            f"{newer.release_id} has reached {rollout.stage} since then, so {release.id} cannot continue.",
            code="overtaken",
            hint=f"To release this model anyway, request a new release of {say_source(read_source(release.source))}.",
            by=newer.release_id,
        )


def _wrong_state(release: Release, why: str, *, code: str) -> Conflict:
    return Conflict(
        f"{release.id} {why}: it is {release.status.value}. {release.sentence}",
        code=code,
        release_status=release.status.value,
    )
