"""Answering a step that waits: go on now, or wait longer."""

from collections.abc import Callable, Mapping

from sqlmodel import Session

from app.errors import Conflict
from app.identity.roles import Permission
from app.releases.answers import give_answer, waiting_steps
from app.releases.locks import lock_release
from app.releases.queries import rollout_ahead
from app.releases.questions import question_of, what_ended
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.control import abort
from app.releasing.permissions import UseCase, about_release
from app.releasing.work import Work


@about_release(Permission.OPERATE)
def advance(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Go on now: skip what is left of a bake, or accept what an analysis could not decide. Raises Conflict where nothing waits."""
    return _answer(work, release_id, "advance", reason)


@about_release(Permission.OPERATE)
def extend(work: Work, release_id: str, *, reason: str = "") -> Release:
    """Wait longer: one more bake from now on. Raises Conflict where nothing waits."""
    return _answer(work, release_id, "extend", reason)


# What a person may say where a rollout asks.
ANSWERS: Mapping[str, UseCase[..., Release]] = {"advance": advance, "extend": extend, "abort": abort}


def answer_question(work: Work, release_id: str, answer: str, *, question: int, reason: str = "") -> Release:
    """Answer what was shown: ``question`` is the number of the event that asked it. Raises Conflict where that is not open any more."""

    def is_open(rollout: Rollout) -> bool:
        asked = question_of(work, rollout)
        return asked is not None and asked.seq == question and what_ended(work, asked) is None

    return _answer_while(is_open, work, release_id, answer, reason)


def shown_of(session: Session, rollout: Rollout) -> str:
    """What there is to answer at a rollout, as a page hands it back with the answer: the question, and the steps that wait."""
    question = question_of(session, rollout)
    return "|".join([str(question.seq) if question else "", *(step.id for step in waiting_steps(session, rollout))])


def answer_shown(work: Work, release_id: str, answer: str, *, shown: str, reason: str = "") -> Release:
    """Answer what a page has shown, by ``shown_of``. Raises Conflict where that is not what waits any more."""
    return _answer_while(lambda rollout: shown_of(work, rollout) == shown, work, release_id, answer, reason)


def _answer_while(is_open: Callable[[Rollout], bool], work: Work, release_id: str, answer: str, reason: str) -> Release:
    act = ANSWERS[answer]
    act.check(work, release_id)
    release = lock_release(work, release_id)
    ahead = rollout_ahead(work, release)
    if ahead is None or not is_open(ahead):
        raise _not_open(release)
    return act(work, release_id, reason=reason)


def _not_open(release: Release) -> Conflict:
    return Conflict(
        f"This question of {release.id} is not open any more: it is {release.status.value}. {release.sentence}",
        code="question_closed",
        hint=f"`mlrelease release show {release.id}` shows what is going on.",
    )


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
