"""Answering a step that waits: go on now, or wait longer."""

from app.errors import Conflict
from app.identity.roles import Permission
from app.releases.answers import give_answer, waiting_steps
from app.releases.locks import lock_release
from app.releases.queries import rollout_ahead
from app.releases.states import Status
from app.releases.tables import Release
from app.releasing.permissions import about_release
from app.releasing.work import Work


@about_release(Permission.OPERATE)
def advance(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Go on now: skip what is left of a bake, or accept what an analysis could not decide. Raises Conflict where nothing waits."""
    return _answer(work, release_id, "advance", reason)


@about_release(Permission.OPERATE)
def extend(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Wait longer: one more bake from now on. Raises Conflict where nothing waits."""
    return _answer(work, release_id, "extend", reason)


def _answer(work: Work, release_id: str, answer: str, reason: str) -> Release:
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    waiting = [] if ahead is None or ahead.status is not Status.IN_PROGRESS else waiting_steps(work, ahead)
    if ahead is None or not waiting:
        raise Conflict(
            f"No step of {release.id} waits: it is {release.status.value}. {release.sentence}",
            code="nothing_waits",
            hint="A step that watches a share of the traffic can be answered. "
            f"`mlrelease release show {release.id}` shows what is going on.",
        )
    for step in waiting:
        give_answer(work, release, step, answer=answer, reason=reason)
    work.queue.move_target(work, ahead.target)
    return release
