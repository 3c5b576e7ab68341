"""What a person says to a step that waits: kept with the step run, and handed over once."""

from sqlmodel import Session

from app.documents.json_object import Json
from app.events.work import UnitOfWork
from app.releases.queries import steps_of
from app.releases.service import record
from app.releases.states import StepStatus
from app.releases.tables import Release, Rollout, StepRun


def waiting_steps(session: Session, rollout: Rollout) -> list[StepRun]:
    """Those that a person can answer: they wait, for a person or for their time."""
    return [each for each in steps_of(session, rollout.id) if each.status is StepStatus.WAITING]


def give_answer(work: UnitOfWork, release: Release, step: StepRun, *, answer: str, reason: str) -> None:
    """Due at once. A later answer takes the place of one that was not handed over yet."""
    step.answer = {"answer": answer, "by": work.actor.name, "at": work.now.isoformat(), "reason": reason}
    step.wait_until = work.now
    work.add(step)
    record(work, release, f"step.{answer}_requested", subject=step.id, data={"reason": reason})


def settle_answer(work: UnitOfWork, step: StepRun, answered: Json | None) -> None:
    """Once a step has ended or waits again: what it was given is done with; what was said meanwhile makes it due at once."""
    if step.answer is None:
        return
    if step.status.is_final or step.answer == answered:
        step.answer = None
    elif step.status is StepStatus.WAITING:
        step.wait_until = work.now
    work.add(step)
    work.flush()
