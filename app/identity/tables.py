"""API tokens and portal sessions. Only hashes of secrets are stored, so reading the database gives no access."""

from datetime import datetime

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.types import JsonColumn, UtcDateTime
from app.documents.json_object import Json


class ApiToken(SQLModel, table=True):
    """A token of a person or program with its grants."""

    __tablename__ = "api_token"
    __table_args__ = (
        UniqueConstraint("created_by", "idempotency_key"),
        Index("ix_api_token_created", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    hash: str = Field(unique=True)  # SHA-256 of the secret
    name: str  # whose it is: the name of the actor
    note: str | None = None
    grants: list[Json] = Field(sa_column=Column(JsonColumn, nullable=False))
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # to the minute
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_by: str | None = None
    idempotency_key: str | None = None


class PortalSession(SQLModel, table=True):
    """A login of a browser."""

    __tablename__ = "portal_session"

    id: str = Field(primary_key=True)  # SHA-256 of the cookie
    name: str
    issuer: str | None = None  # None: the development login
    claims: Json = Field(sa_column=Column(JsonColumn, nullable=False))  # those that access.yml asks for
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
