"""Pagination cursors: opaque to callers."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BaseModel

from app.errors import Invalid

Row = TypeVar("Row")


class Page(BaseModel):
    """One page of a list. ``next`` goes into ``cursor`` to get the page after it; null at the end."""

    next: str | None = None


Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the previous page")]
Limit = Annotated[int, Query(ge=1, le=200, description="rows on a page")]


def number_of(cursor: str | None) -> int | None:
    """The number in a cursor. Raises Invalid for a cursor that this service did not create."""
    if cursor is None:
        return None
    try:
        number = int(_decode(cursor))
    except ValueError as broken:
        raise _not_ours() from broken
    if not 0 <= number < 2**31:
        raise _not_ours()
    return number


def name_of(cursor: str | None) -> str:
    """The name in a cursor; empty without one. Raises Invalid for a cursor that this service did not create."""
    if cursor is None:
        return ""
    try:
        name = _decode(cursor)
    except ValueError as broken:
        raise _not_ours() from broken
    if not name.isprintable():
        raise _not_ours()
    return name


def moment_of(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and the id in a cursor. Raises Invalid for a cursor that this service did not create."""
    if cursor is None:
        return None
    try:
        written, _, row_id = _decode(cursor).partition(" ")
        moment = datetime.fromisoformat(written)
    except ValueError as broken:
        raise _not_ours() from broken
    if moment.tzinfo is None or not 1970 <= moment.year < 9999 or not row_id.isprintable():
        raise _not_ours()
    return moment, row_id


def page_end(rows: Sequence[Row], limit: int, place: Callable[[Row], object]) -> str | None:
    """The cursor after ``limit`` rows, when more than those were found."""
    if len(rows) <= limit:
        return None
    return base64.urlsafe_b64encode(str(place(rows[limit - 1])).encode()).decode()


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except binascii.Error as broken:
        raise ValueError(str(broken)) from broken


def _not_ours() -> Invalid:
    return Invalid("The cursor is not valid.", code="cursor_invalid", hint="Start again without a cursor.")
