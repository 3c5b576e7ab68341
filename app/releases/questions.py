"""What rollouts ask people where what was measured decides nothing: which question is open, and how one ended."""

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from app.events.tables import Event
from app.identity.roles import Visible
from app.releases.states import ASKING, Status
from app.releases.tables import Release, Rollout

# The events by which people answer. One that comes before the earlier one was carried out takes its place.
_ANSWERED = ("step.advance_requested", "step.extend_requested", "release.abort_requested", "release.cancel_requested")
_MOST_ANSWERS = 50  # that are looked at


def asking(session: Session, *, visible: Visible = None, limit: int = 100) -> list[Rollout]:
    """Rollouts that ask a person what an analysis could not decide."""
    query = select(Rollout).where(Rollout.status == Status.IN_PROGRESS, col(Rollout.code).in_(ASKING))
    if visible is not None:
        query = query.join(Release, col(Release.id) == col(Rollout.release_id)).where(col(Release.model).in_(visible))
    return list(session.exec(query.order_by(col(Rollout.id)).limit(limit)).all())


def is_question(event: Event) -> bool:
    """Whether by this event a rollout asks a person."""
    return event.kind == f"rollout.{Status.IN_PROGRESS}" and event.data["code"] in ASKING


def question_of(session: Session, rollout: Rollout) -> Event | None:
    """The event by which it asks; None: it asks nothing now."""
    if rollout.status is not Status.IN_PROGRESS or rollout.code not in ASKING:
        return None
    query = select(Event).where(Event.release_id == rollout.release_id, Event.subject == rollout.id)
    query = query.where(Event.kind == f"rollout.{Status.IN_PROGRESS}").order_by(col(Event.seq).desc())
    return session.exec(query.limit(1)).first()


def what_ended(session: Session, question: Event) -> Event | None:
    """What was answered last, or what became of the rollout without an answer; None: the question is open."""
    moved = col(Event.kind).in_([f"rollout.{status}" for status in Status])
    query = select(Event).where(
        Event.release_id == question.release_id,
        col(Event.seq) > question.seq,
        or_(col(Event.kind).in_(_ANSWERED), and_(moved, col(Event.subject) == question.subject)),
    )
    answer: Event | None = None
    for event in session.exec(query.order_by(col(Event.seq)).limit(_MOST_ANSWERS)).all():
        if event.kind not in _ANSWERED:
            return answer or event
        answer = event
    return answer
