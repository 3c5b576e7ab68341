"""Dry runs: the only writer of them. They are no part of the record: no event, no number, and after a day they are gone."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, delete

from app.documents.json_object import Json
from app.errors import NotFound
from app.events.work import UnitOfWork
from app.planning.sources import Source
from app.releases.states import DryRunState
from app.releases.tables import DryRun

KEPT = timedelta(days=1)


def begin_dry_run(
    work: UnitOfWork,
    *,
    model: str,
    definition_version: int,
    source: Source,
    stages: Sequence[str],
) -> DryRun:
    """A new one, ``pending`` until a worker has looked. Those that have expired go."""
    work.execute(delete(DryRun).where(col(DryRun.expires_at) < work.now))
    run = DryRun(
        id=f"dry-run-{secrets.token_hex(8)}",
        model=model,
        definition_version=definition_version,
        source=source.model_dump(),
        stages=list(stages),
        state=DryRunState.PENDING,
        code="resolving",
        sentence="Looking up the content and running the checks.",
        requested_by=work.actor.name,
        created_at=work.now,
        expires_at=work.now + KEPT,
    )
    work.add(run)
    work.flush()
    return run


def finish_dry_run(
    work: UnitOfWork, run_id: str, state: DryRunState, *, code: str, sentence: str, result: Json | None
) -> None:
    """What came of it. One that has expired meanwhile, or was finished by a worker that is now dead, is left alone."""
    run = work.get(DryRun, run_id, with_for_update=True)
    if run is None or run.state is not DryRunState.PENDING:
        return
    run.state, run.code, run.sentence, run.result, run.finished_at = state, code, sentence, result, work.now
    work.add(run)
    work.flush()


def no_such_dry_run(run_id: str) -> NotFound:
    """Of one that is not there, and of one that whoever asks may not see."""
    return NotFound(
        f"There is no dry run {run_id!r}.",
        code="dry_run_not_found",
        hint="Dry runs are kept for a day. Start a new one.",
    )
