"""Stopping a release that has not ended: at once where nothing runs, else at the running step's next safe point."""

from app.identity.actor import SERVICE
from app.releases.asked import ask_of
from app.releases.at_target import must_go_back
from app.releases.queries import rollout_ahead
from app.releases.service import move_release, move_rollout
from app.releases.states import Control, Status
from app.releases.tables import Release
from app.releasing.asking import void_approvals
from app.releasing.work import Work


def stop_release(work: Work, release: Release, *, reason: str, control: Control = Control.CANCEL) -> None:
    """The caller holds its lock, and has seen that it can be stopped. ``control``: cancel or abort."""
    ask_of(work, release, control, reason=reason)
    said = said_of_end(control, work.actor.name, reason)
    ahead = rollout_ahead(work, release)
    if ahead is not None:
        void_approvals(work, release, ahead, because=said)
    if ahead is None:
        move_release(work, release, Status.CANCELLED, code="cancelled", sentence=said)
    elif (ahead.status.is_waiting or ahead.status is Status.PAUSED) and not must_go_back(work, ahead):
        move_rollout(work, ahead, Status.CANCELLED, code="cancelled", sentence=said)
    else:
        stopping = f"{said.rstrip('.')}. Stops at the next safe point."
        move_rollout(work, ahead, Status.CANCELLING, code="cancelling", sentence=stopping)
        work.queue.move_target(work, ahead.target)  # where its steps wait, nobody is at it


def said_of_end(control: Control, who: str, reason: str) -> str:
    """That it was ended, by whom and why. ``who``: this service's own name where it broke something itself, empty where nobody is known."""
    what = "Aborted" if control is Control.ABORT else "Cancelled"
    if not who:
        return f"{what}."
    return f"{what}: {reason}" if who == SERVICE.name else said_by(what, who, reason)


def said_by(what: str, who: str, reason: str) -> str:
    """That something was done, by whom and why."""
    return f"{what} by {who}" + (f": {reason.strip()}" if reason.strip() else ".")
