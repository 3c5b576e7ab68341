"""Reading freezes."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from app.errors import NotFound
from app.freezes.tables import Freeze
from app.freezes.windows import Frozen, Window, frozen


def get_freeze(session: Session, freeze_id: str) -> Freeze:
    """Raises NotFound, also for one that was deleted."""
    found = session.get(Freeze, freeze_id)
    if found is None or found.deleted_at is not None:
        raise no_such_freeze(freeze_id)
    return found


def no_such_freeze(freeze_id: str) -> NotFound:
    return NotFound(
        f"There is no freeze {freeze_id!r}.",
        code="freeze_not_found",
        hint="`mlrelease freeze list` shows those that there are.",
    )


def list_freezes(session: Session, *, model: str | None = None) -> list[Freeze]:
    """Those that are not deleted, the newest first; ``model``: only those that concern it."""
    query = select(Freeze).where(col(Freeze.deleted_at).is_(None)).order_by(col(Freeze.created_at).desc())
    if model is not None:
        query = query.where(or_(col(Freeze.model).is_(None), Freeze.model == model))
    return list(session.exec(query).all())


def frozen_for(
    session: Session, *, model: str, stage: str, target: str, now: datetime, also: Sequence[Window] = ()
) -> Frozen | None:
    """Why a rollout may not begin now; None when it may. ``also``: windows that nobody keeps here."""
    concerned = [
        each.window
        for each in list_freezes(session, model=model)
        if each.stage in {None, stage} and (each.target is None or each.target.lower() == target.lower())
    ]
    return frozen([*concerned, *also], now)
