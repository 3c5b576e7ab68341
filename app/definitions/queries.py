"""Reading definitions."""

from difflib import get_close_matches

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from app.definitions.tables import DefinitionVersion
from app.errors import NotFound
from app.identity.roles import Visible

MOST_VERSIONS = 50  # in a list; each is found by its number

# Made once: to put a statement together takes longer than to send it, and these are in every request for a release.
_OF_MODEL = select(DefinitionVersion).where(col(DefinitionVersion.model) == bindparam("model"))
_LATEST = _OF_MODEL.order_by(col(DefinitionVersion.version).desc()).limit(1)
_ONE = _OF_MODEL.where(col(DefinitionVersion.version) == bindparam("version"))

NOTHING: frozenset[str] = frozenset()  # so that nobody is told names by an oversight


def latest(session: Session, model: str, *, visible: Visible = NOTHING) -> DefinitionVersion:
    """The newest version. Raises NotFound when the model has no definition; the message suggests ``visible`` names."""
    found = session.exec(_LATEST, params={"model": model}).first()
    if found is None:
        raise no_such_model(session, model, visible=visible)
    return found


def get(session: Session, model: str, version: int, *, visible: Visible = NOTHING) -> DefinitionVersion:
    """One version. Raises NotFound."""
    found = session.exec(_ONE, params={"model": model, "version": version}).first()
    if found is None:
        newest = latest(session, model, visible=visible).version
        raise NotFound(
            f"The definition of {model} has no version {version}.",
            code="definition_version_not_found",
            hint=f"Its versions: 1 to {newest}." if newest > 1 else "Its only version is 1.",
        )
    return found


def list_models(
    session: Session, *, visible: Visible = None, after: str = "", limit: int = 50
) -> list[DefinitionVersion]:
    """The newest version of each model, by name; ``after``: the name where the page before ended."""
    names = (
        select(col(DefinitionVersion.model), func.max(DefinitionVersion.version).label("version"))
        .where(col(DefinitionVersion.model) > after)
        .group_by(col(DefinitionVersion.model))
        .order_by(col(DefinitionVersion.model))
        .limit(limit)
    )
    if visible is not None:
        names = names.where(col(DefinitionVersion.model).in_(visible))
    newest = names.subquery()
    query = (
        select(DefinitionVersion)
        .join(
            newest,
            (col(DefinitionVersion.model) == newest.c.model) & (col(DefinitionVersion.version) == newest.c.version),
        )
        .order_by(col(DefinitionVersion.model))
    )
    return list(session.exec(query).all())


def list_versions(
    session: Session, model: str, *, visible: Visible = NOTHING, limit: int = MOST_VERSIONS
) -> list[DefinitionVersion]:
    """The newest first. Raises NotFound when nothing was applied for this model."""
    found = session.exec(
        select(DefinitionVersion)
        .where(DefinitionVersion.model == model)
        .order_by(col(DefinitionVersion.version).desc())
        .limit(limit)
    ).all()
    if not found:
        raise no_such_model(session, model, visible=visible)
    return list(found)


def no_such_model(session: Session, model: str, *, visible: Visible) -> NotFound:
    """The error for a model that does not exist or may not be seen: both get the same message."""
    there = session.exec(select(DefinitionVersion.model).distinct()).all()
    known = [name for name in there if visible is None or name in visible]
    near = get_close_matches(model, known, n=1)
    return NotFound(
        f"There is no model {model!r}{f'; did you mean {near[0]!r}?' if near else '.'}",
        code="model_not_found",
        hint="Apply its folder with `mlrelease models apply DIR`.",
    )
