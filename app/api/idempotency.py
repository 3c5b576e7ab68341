"""Idempotency keys: the same key and request get the first answer again, also when both arrive at once.

The answer is stored in the transaction that did the work, so there is never work without its answer or an answer without its
work. Two at once: the second waits for the first at the table's primary key (PostgreSQL) or at the write lock (SQLite), fails on
it, and finds the answer when it is tried again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel
from sqlmodel import Session

from app.api.tables import IdempotentAnswer
from app.database.connection import Database
from app.errors import Invalid
from app.releasing.requests import Asking

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same body gives the first answer again; with another body it is refused.",
    ),
]


@dataclass(frozen=True)
class Answer:
    """What a POST answers."""

    status: int
    body: BaseModel
    location: str | None = None


def once(
    database: Database, asking: Asking, *, key: str | None, route: str, request: Any, work: Callable[[Session], Answer]
) -> Response:
    """Do ``work`` in one transaction, unless it was done under this key before. Raises Invalid for a key used otherwise."""
    digest = hashlib.sha256(json.dumps(jsonable_encoder(request), sort_keys=True).encode()).hexdigest()

    def attempt(session: Session) -> IdempotentAnswer:
        if key is not None:
            known = session.get(IdempotentAnswer, (asking.actor.name, route, key))
            if known is not None:
                return _same_request(known, digest)
        answer = work(session)
        given = _given(answer, actor=asking.actor.name, route=route, key=key or "", digest=digest, at=asking.now)
        if key is not None:
            session.add(given)
            session.flush()
        return given

    given = database.transact(attempt)
    headers = {"Location": given.location} if given.location else None
    return Response(given.body, status_code=given.status, media_type="application/json", headers=headers)


def _same_request(known: IdempotentAnswer, digest: str) -> IdempotentAnswer:
    if known.request_digest != digest:
        raise Invalid(
            f"The Idempotency-Key {known.key!r} was used for another request.",
            code="idempotency_key_reused",
            hint="Use a new key for a new request.",
        )
    return known


def _given(answer: Answer, *, actor: str, route: str, key: str, digest: str, at: datetime) -> IdempotentAnswer:
    return IdempotentAnswer(
        actor=actor,
        route=route,
        key=key,
        request_digest=digest,
        status=answer.status,
        location=answer.location,
        body=answer.body.model_dump_json().encode(),
        at=at,
    )
