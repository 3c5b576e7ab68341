"""The first rows of a sorted list where a column may have one of several values, without reading all that have one of them.

A database that is given all values at once reads every row with one of them and sorts those, or reads the list from its start until enough
rows fit. Either reads all of a table that has grown. Asked for each value alone, an index answers with as many rows as are wanted.
"""

from collections.abc import Collection
from itertools import product
from typing import Any, TypeVar

from sqlalchemy import select, union_all
from sqlalchemy.orm import Mapped
from sqlmodel.sql.expression import SelectOfScalar

Row = TypeVar("Row")

# More would take longer to put together than to search for; and what has one of so many values is near the start of any list.
MOST_BRANCHES = 50


def with_one_of(
    query: SelectOfScalar[Row], key: Mapped[Any], *choices: tuple[Mapped[Any], Collection[Any] | None]
) -> SelectOfScalar[Row]:
    """The rows of a query, which has an order and a limit, whose columns have one of these values each. None: any value.

    ``key``: the table's primary key.
    """
    asked = [(column, sorted(values)) for column, values in choices if values is not None]
    branches = list(product(*(values for _, values in asked)))
    if not 1 < len(branches) <= MOST_BRANCHES:
        return query.where(
            *(column == values[0] if len(values) == 1 else column.in_(values) for column, values in asked)
        )
    firsts = [
        query.where(*(column == value for (column, _), value in zip(asked, branch, strict=True)))
        .with_only_columns(key, maintain_column_froms=True)
        .subquery()
        for branch in branches
    ]
    return query.where(key.in_(union_all(*(select(first) for first in firsts))))
