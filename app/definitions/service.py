"""The sole writer of definitions. Nothing here commits."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict
from app.events.work import UnitOfWork

CONTENTION_TRIES = 5


@dataclass(frozen=True)
class Applied:
    """``created`` is False when the newest version has this content already."""

    definition: DefinitionVersion
    created: bool


def apply(
    work: UnitOfWork,
    definition: Definition,
    *,
    bundle_digest: str,
    note: str | None = None,
) -> Applied:
    """Make a definition the newest of its model. Content that was newest before becomes newest again, as a new version.

    Raises Conflict for a model that differs from another in upper and lower case only.
    """
    for tries_left in reversed(range(CONTENTION_TRIES)):
        newest = _newest(work, definition.model.name)
        if newest is not None and newest.bundle_digest == bundle_digest:
            return Applied(newest, created=False)
        if newest is None:
            _require_one_spelling(work, definition.model.name)
        version = DefinitionVersion(
            model=definition.model.name,
            version=newest.version + 1 if newest is not None else 1,
            bundle_digest=bundle_digest,
            content=definition.model_dump(mode="json"),
            applied_at=work.now,
            applied_by=work.actor.name,
            note=note,
        )
        try:
            with work.begin_nested():
                work.add(version)
        except IntegrityError:  # somebody applied to this model meanwhile: look again
            if not tries_left:
                raise
        else:
            return Applied(version, created=True)
    raise AssertionError("the last try returns or raises")


def _require_one_spelling(session: Session, model: str) -> None:
    """Refuse a name that differs in case only: in parts of Azure both would be the same model."""
    other = session.exec(
        select(DefinitionVersion.model)
        .where(func.lower(DefinitionVersion.model) == model.lower(), DefinitionVersion.model != model)
        .limit(1)
    ).first()
    if other is not None:
        raise Conflict(
            f"There is already a model {other!r}. {model!r} differs from it only in upper and lower case.",
            code="model_name_taken",
            hint="Choose another name, or use the same spelling.",
        )


def _newest(session: Session, model: str) -> DefinitionVersion | None:
    return session.exec(
        select(DefinitionVersion)
        .where(DefinitionVersion.model == model)
        .order_by(col(DefinitionVersion.version).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()
