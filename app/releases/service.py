"""New releases, and the one place where a status changes. `attempts` and `asked` write the rest of these rows, `planning` what is planned.

Every change of state goes through ``move_release``, ``move_rollout`` or ``move_step``: each checks that the change is allowed,
stores it and writes the event, in the caller's transaction. A release that has rollouts follows them: its status is that of the
first rollout that has not succeeded.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import bindparam
from sqlmodel import col, func, select

from app.documents.json_object import Json
from app.errors import Conflict
from app.events.work import UnitOfWork
from app.planning.ids import release_id_of, release_of
from app.planning.purpose import Purpose
from app.planning.sources import JobSource, Source
from app.releases.locks import keep_locked
from app.releases.queries import rollout_ahead
from app.releases.states import (
    RELEASE_MAY_FOLLOW,
    ROLLOUT_MAY_FOLLOW,
    STEP_MAY_FOLLOW,
    Status,
    StepStatus,
)
from app.releases.tables import Release, Rollout, StepRun

_NEWEST_NUMBER = select(func.max(Release.number)).where(col(Release.model) == bindparam("model"))  # made once

State = TypeVar("State", Status, StepStatus)


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    model: str
    definition_id: int
    definition_version: int
    source: Source
    stages: tuple[str, ...]
    job_id: int | None = None  # where the source is a training job
    purpose: Purpose = Purpose.RELEASE
    note: str | None = None


def create_release(work: UnitOfWork, request: Request, *, mark: str) -> Release:
    """A new release, ``pending`` until it is prepared."""
    work.lock_chain_head()  # many who ask at once would all take the same number
    work.flush()  # of releases of this transaction, too
    newest = work.connection().execute(_NEWEST_NUMBER, {"model": request.model}).scalar()
    number = (newest or 0) + 1
    release = Release(
        id=release_id_of(request.model, number),
        model=request.model,
        number=number,
        mark=mark,
        definition_id=request.definition_id,
        definition_version=request.definition_version,
        purpose=request.purpose,
        source=request.source.model_dump(),
        job_id=request.job_id,
        job=request.source.job if isinstance(request.source, JobSource) else None,
        stages=list(request.stages),
        status=Status.PENDING,
        code="preparing",
        sentence="Looking up the release's content.",
        note=request.note,
        requested_by=work.actor.name,
        created_at=work.now,
        updated_at=work.now,
    )
    work.add(release)
    work.locked.add(release.id)  # nobody else sees it yet
    asked = {
        "purpose": request.purpose.value,
        "source": release.source,
        "definition_version": request.definition_version,
        "stages": list(request.stages),
        "note": request.note,
    }
    record(work, release, "release.created", subject=release.id, data=asked)
    return release


def move_release(
    work: UnitOfWork,
    release: Release,
    status: Status,
    *,
    code: str,
    sentence: str,
) -> None:
    """The one place where a release's status changes. Raises Conflict when this state cannot follow."""
    _check(release.id, release.status, status, RELEASE_MAY_FOLLOW[release.status] | {release.status})
    unchanged = (release.status, release.code, release.sentence) == (status, code, sentence)
    if unchanged:
        return
    release.status, release.code, release.sentence = status, code, sentence
    release.finished_at = work.now if status.is_final else None
    record(
        work,
        release,
        f"release.{status.value}",
        subject=release.id,
        data={"code": code, "sentence": sentence},
    )


def move_rollout(
    work: UnitOfWork,
    rollout: Rollout,
    status: Status,
    *,
    code: str,
    sentence: str,
) -> None:
    """The one place where a rollout's status changes; its release follows."""
    _check(rollout.id, rollout.status, status, ROLLOUT_MAY_FOLLOW[rollout.status])
    rollout.status, rollout.code, rollout.sentence = status, code, sentence
    if status is Status.IN_PROGRESS and rollout.started_at is None:
        rollout.started_at = work.now
    rollout.paused_at = work.now if status is Status.PAUSED else None
    rollout.finished_at = work.now if status.is_final else None
    rollout.due_at = None  # whatever was to happen by itself is of the state before
    work.add(rollout)
    work.flush()
    release = work.get_one(Release, rollout.release_id)
    record(
        work,
        release,
        f"rollout.{status.value}",
        subject=rollout.id,
        data={"code": code, "sentence": sentence, "attempt": rollout.attempt},
    )
    _follow_rollouts(work, release)


def move_step(
    work: UnitOfWork,
    step: StepRun,
    status: StepStatus,
    *,
    code: str,
    sentence: str,
    output: Json | None = None,
    changed: bool | None = None,
    worker: str | None = None,
    wait_until: datetime | None = None,
    memory: Json | None = None,
) -> None:
    """The one place where a step run's status changes. ``worker``: who carries it out. ``memory``: None: what it has stays."""
    _check(step.id, step.status, status, STEP_MAY_FOLLOW[step.status])
    if status is StepStatus.RUNNING:
        step.attempts += step.status is not StepStatus.WAITING  # to go on after a wait is no further attempt
        step.started_at = step.started_at or work.now
        step.worker = worker or step.worker
    if status is StepStatus.PENDING:
        step.started_at, step.memory = None, None  # its time begins anew
    if memory is not None:
        step.memory = memory
    step.status, step.code, step.sentence, step.wait_until = status, code, sentence, wait_until
    if output is not None:
        step.output = output
    if changed is not None:
        step.changed = changed
    step.finished_at = work.now if status.is_final else None
    data = {
        "code": code,
        "sentence": sentence,
        "attempt": step.attempts,
        "output": output,
        "changed": changed,
        "worker": step.worker,
        **({} if wait_until is None else {"until": wait_until.isoformat()}),
    }
    _record_of_step(work, step, f"step.{status.value}", data=data)


def report_progress(work: UnitOfWork, step: StepRun, sentence: str) -> None:
    """What a running step is doing, for people who watch. Saying the same again is nothing."""
    if step.sentence == sentence or step.status is not StepStatus.RUNNING:
        return
    step.sentence = sentence
    _record_of_step(work, step, "step.reported", data={"sentence": sentence})


def _follow_rollouts(work: UnitOfWork, release: Release) -> None:
    ahead = rollout_ahead(work, release)
    if ahead is None:
        stages = ", ".join(release.stages)
        said = {"code": "released", "sentence": f"Released to {stages}."}
        if release.purpose is Purpose.ADOPTION:
            said = {"code": "adopted", "sentence": f"Adopted in {stages} as it was."}
        move_release(work, release, Status.SUCCEEDED, **said)
    elif ahead.status is not Status.PENDING:
        said = {"code": ahead.code, "sentence": f"{ahead.stage}: {ahead.sentence}"}
        move_release(work, release, ahead.status, **said)


def _record_of_step(work: UnitOfWork, step: StepRun, kind: str, *, data: Json) -> None:
    work.add(step)
    release = work.get_one(Release, release_of(step.id))
    record(work, release, kind, subject=step.id, data=data)


def record(work: UnitOfWork, release: Release, kind: str, *, subject: str, data: Json) -> None:
    """Write an event on a release."""
    # Always the release's row before the chain's head: two writers that lock them crosswise would wait for each other.
    keep_locked(work, release.id)
    work.append_event(kind, subject=subject, release=release, data=data)


def _check(subject: str, now_is: State, wanted: State, allowed: Set[State]) -> None:
    if wanted not in allowed:
        raise Conflict(
            f"{subject} is {now_is.value} and cannot become {wanted.value}.",
            code="wrong_state",
            status=now_is.value,
        )
