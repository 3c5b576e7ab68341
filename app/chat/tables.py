"""Requests of chats that were received, so that none counts twice."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime


class ChatRequest(SQLModel, table=True):
    """A signature that was received: a second request with it is a replay."""

    __tablename__ = "chat_request"

    signature: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
