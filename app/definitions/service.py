"""The sole writer of definitions. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion

CONTENTION_TRIES = 5


@dataclass(frozen=True)
class Applied:
    """``created`` is False when the newest version has this content already."""

    definition: DefinitionVersion
    created: bool


def apply(
    session: Session,
    definition: Definition,
    *,
    bundle_digest: str,
    now: datetime,
    actor: str,
    note: str | None = None,
) -> Applied:
    """Make a definition the newest of its model. Content that was newest before becomes newest again, as a new version."""
    for tries_left in reversed(range(CONTENTION_TRIES)):
        newest = _newest(session, definition.model.name)
        if newest is not None and newest.bundle_digest == bundle_digest:
            return Applied(newest, created=False)
        version = DefinitionVersion(
            model=definition.model.name,
            version=newest.version + 1 if newest is not None else 1,
            bundle_digest=bundle_digest,
            content=definition.model_dump(mode="json"),
            applied_at=now,
            applied_by=actor,
            note=note,
        )
        try:
            with session.begin_nested():
                session.add(version)
        except IntegrityError:  # somebody applied to this model meanwhile: look again
            if not tries_left:
                raise
        else:
            return Applied(version, created=True)
    raise AssertionError("the last try returns or raises")


def _newest(session: Session, model: str) -> DefinitionVersion | None:
    return session.exec(
        select(DefinitionVersion)
        .where(DefinitionVersion.model == model)
        .order_by(col(DefinitionVersion.version).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()
