"""Runs migrations on the connection that ``app.database.migrate`` hands in."""

import importlib
from typing import Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from app.database.types import UtcDateTime

TABLES = (
    "bundles",
    "definitions",
    "jobs",
    "releases",
    "approvals",
    "api",
    "workers",
    "identity",
    "notifications",
    "chat",
    "evidence",
    "gates",
)
for tables in TABLES:
    importlib.import_module(f"app.{tables}.tables")


def render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Our column types as plain SQL types, so that a migration depends on no code of ours."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, sa.Enum):
        return f"sa.String({item.length})"
    if kind == "type" and isinstance(item, sa.JSON):
        return "JSON"
    return False


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, render_item=render)
with context.begin_transaction():
    context.run_migrations()
