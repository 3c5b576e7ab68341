"""Gates: opened by a request, decided by what becomes of a release, answered by a durable delivery. The only writer of them."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete, text
from sqlmodel import Session, col, select

from app.database.clock import database_now
from app.documents.json_object import Json
from app.events.tables import Event
from app.gates.judging import Judgement, commit_of, judge
from app.gates.tables import OPEN, CiSystem, Gate, GateState
from app.notifications.deliveries import request_delivery
from app.notifications.dispatch import hold_dispatch
from app.notifications.tables import Channel
from app.releases.tables import Release

KEEP = timedelta(days=60)  # twice as long as GitHub lets a run wait

_CHANNELS: Mapping[CiSystem, Channel] = {
    CiSystem.GITHUB: Channel.GITHUB,
    CiSystem.AZURE_PIPELINES: Channel.AZURE_PIPELINES,
}


def open_gate(session: Session, asked: Gate) -> Gate:
    """Hold this run, or let it go at once. Asked again for the same, the first one counts, and nothing is sent twice."""
    hold_dispatch(session)  # what happens to its release meanwhile is dispatched when this gate can be seen
    known = session.get(Gate, asked.id)
    if known is not None:
        return known
    session.execute(delete(Gate).where(col(Gate.created_at) < database_now(session) - KEEP))
    session.add(asked)
    session.flush()
    judgement = _decide(session, asked, seq=0)
    if judgement.state is GateState.WAITING and asked.system is CiSystem.GITHUB:
        _request_answer(session, asked, f"{_message_id(asked)}:waiting", seq=0, memory={"sentence": judgement.sentence})
    return asked


def announce_to_gates(session: Session, event: Event) -> None:
    """The announcer: what happened to a release may decide the runs that wait for it."""
    release = None if event.release_id is None else session.get(Release, event.release_id)
    commit = None if release is None else commit_of(release)
    if release is None or commit is None:
        return
    # The words of its index first.
    waiting = select(Gate).where(text(OPEN), Gate.model == release.model, Gate.git_commit == commit)
    for gate in session.exec(waiting.order_by(col(Gate.created_at)).with_for_update()).all():
        _decide(session, gate, seq=event.seq)


def _decide(session: Session, gate: Gate, *, seq: int) -> Judgement:
    judgement = judge(session, model=gate.model, stage=gate.stage, commit=gate.git_commit)
    gate.sentence, gate.release_id = judgement.sentence, judgement.release_id
    if judgement.state is not GateState.WAITING:
        gate.state, gate.decided_at = judgement.state, database_now(session)
        memory = {"sentence": judgement.sentence, "state": judgement.state.value, "token": gate.token}
        gate.token = None
        _request_answer(session, gate, _message_id(gate), seq=seq, memory=memory)
    session.add(gate)
    session.flush()
    return judgement


def _request_answer(session: Session, gate: Gate, message_id: str, *, seq: int, memory: Json) -> None:
    request_delivery(
        session,
        _CHANNELS[gate.system],
        gate.id,
        message_id=message_id,
        subject=gate.id,
        seq=seq,
        release_id=gate.release_id,
        memory={**gate.callback, **memory},
    )


def _message_id(gate: Gate) -> str:
    return f"gate:{gate.id}"
