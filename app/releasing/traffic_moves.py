"""By whose word traffic moved: for each share of the serving record, the release that moved it, who asked for that, and who approved."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.approvals.service import counts, decisions_on
from app.approvals.tables import Decision
from app.events.tables import Event
from app.identity.roles import Visible
from app.planning.ids import model_of
from app.releases.tables import Release, Rollout
from app.serving.tables import TrafficShare


@dataclass(frozen=True)
class TrafficMove:
    """A change of a target's traffic. Without ``release`` it was found as others had made it, or may not be seen."""

    event: int
    at: datetime
    release: str | None = None
    requested_by: str | None = None
    requested_at: datetime | None = None
    approvals: tuple[Decision, ...] = ()  # that counted, the oldest first


def moves_of(session: Session, shares: Sequence[TrafficShare], *, visible: Visible) -> dict[int, TrafficMove]:
    """By event number: each change that began or ended one of these shares."""
    numbers = {number for each in shares for number in (each.from_event, each.to_event) if number is not None}
    if not numbers:
        return {}
    query = select(Event.seq, Event.at, Event.release_id, Event.subject).where(col(Event.seq).in_(numbers))
    events = session.exec(query).all()
    shown = {name for _, _, name, _ in events if name is not None and (visible is None or model_of(name) in visible)}
    releases = {each.id: each for each in session.exec(select(Release).where(col(Release.id).in_(shown))).all()}
    approvals = _approvals(session, shown, targets={each.target for each in shares})
    return {
        seq: _move(seq, at, releases.get(name or ""), approvals=approvals.get((name or "", target), ()))
        for seq, at, name, target in events
    }


def _move(seq: int, at: datetime, release: Release | None, *, approvals: Iterable[Decision]) -> TrafficMove:
    if release is None:
        return TrafficMove(seq, at)
    return TrafficMove(
        seq,
        at,
        release=release.id,
        requested_by=release.requested_by,
        requested_at=release.created_at,
        approvals=tuple(approvals),
    )


def _approvals(
    session: Session, releases: Iterable[str], *, targets: Set[str]
) -> dict[tuple[str, str], list[Decision]]:
    """By release and target: who approved it there, but for what was void by then."""
    # Chosen here by target: by its index SQLite would read all rollouts that ever were there.
    query = select(Rollout).where(col(Rollout.release_id).in_(releases))
    rollouts = {each.id: each for each in session.exec(query).all() if each.target in targets}
    found: dict[tuple[str, str], list[Decision]] = {}
    for decision in decisions_on(session, list(rollouts)):
        rollout = rollouts[decision.rollout_id]
        if decision.approve and counts(decision, rollout):
            found.setdefault((rollout.release_id, rollout.target), []).append(decision)
    return found
