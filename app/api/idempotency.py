"""Idempotency keys: the same key and request get the first response again, also when both arrive at once.

The answer is stored in the transaction that did the work, so there is never work without its answer or an answer without its
work. Two at once: the second waits for the first at the table's primary key (PostgreSQL) or at the write lock (SQLite), fails on
it, and finds the answer when it is tried again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel

from app.api.service import Api
from app.api.tables import IdempotentAnswer
from app.errors import Invalid
from app.identity.actor import Actor
from app.releasing.work import Work

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key with the same body gives the first response again. With another body it is refused.",
    ),
]


@dataclass(frozen=True)
class Answer:
    """The response of a POST."""

    status: int
    body: BaseModel
    location: str | None = None


Check = Callable[[Work], None]


def _nothing(_work: Work) -> None:
    """Who may ask was told from the address alone."""


class Idempotent:
    """Does what a POST asks for in one transaction, or gives the answer that it was given before under the same key."""

    def __init__(self, request: Request, api: Api, idempotency_key: IdempotencyKey = None) -> None:
        self._api = api
        self._key = idempotency_key
        self._route = f"{request.method} {request.url.path}{f'?{request.url.query}' if request.url.query else ''}"

    def __call__(
        self, who: Actor, act: Callable[[Work], Answer], *, body: Any = None, check: Check = _nothing
    ) -> Response:
        """``body``: what was asked for; ``check``: who may not ask for that gets no answer that was given before, either.

        Raises Invalid for a key that was used for something else.
        """
        digest = hashlib.sha256(json.dumps(jsonable_encoder(body), sort_keys=True).encode()).hexdigest()

        def attempt(work: Work) -> IdempotentAnswer:
            check(work)
            known = self._key and work.get(IdempotentAnswer, (who.name, self._route, self._key))
            if known:
                return _same_request(known, digest)
            answer = act(work)
            given = IdempotentAnswer(
                actor=who.name,
                route=self._route,
                key=self._key or "",
                request_digest=digest,
                status=answer.status,
                location=answer.location,
                body=answer.body.model_dump_json().encode(),
                at=work.now,
            )
            if self._key is not None:
                work.add(given)
                work.flush()
            return given

        given = self._api.releasing.transact(who, attempt)
        headers = {"Location": given.location} if given.location else None
        return Response(given.body, status_code=given.status, media_type="application/json", headers=headers)


Once = Annotated[Idempotent, Depends()]


def _same_request(known: IdempotentAnswer, digest: str) -> IdempotentAnswer:
    if known.request_digest != digest:
        raise Invalid(
            f"The Idempotency-Key {known.key!r} was used for another request.",
            code="idempotency_key_reused",
            hint="Use a new key for a new request.",
        )
    return known
