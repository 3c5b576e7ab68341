"""Indexes of some of a table's rows: of those that are looked for, where the others are many."""

from sqlalchemy import Index, text


def index_where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Over the rows for which ``where`` holds, on both databases. A query uses it where it says the same words."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
