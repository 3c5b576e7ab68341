"""Statements compiled once in a test process.

Each test has a database of its own, and so an engine of its own, which would make every statement's text anew: an eighth of what tests
cost. Engines of one kind of database share what was compiled here, as all requests of one real process do.
"""

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine


def compile_statements_once() -> None:
    """From now on, in this process: a later engine has the dialect and the compiled statements of the first of its kind."""
    first: dict[str, Engine] = {}

    def create(*arguments: Any, **options: Any) -> Engine:
        engine = create_engine(*arguments, **options)
        kept = first.get(engine.dialect.name)
        if (
            kept is None or kept.dialect.server_version_info is None
        ):  # it never connected, and knows nothing of its database
            first[engine.dialect.name] = engine
            return engine
        engine.dialect = engine.pool._dialect = kept.dialect  # what was compiled is kept by dialect
        engine._compiled_cache = kept._compiled_cache
        return engine

    pytest.MonkeyPatch().setattr("app.database.engines.create_engine", create)
