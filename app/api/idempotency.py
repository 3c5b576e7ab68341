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
from sqlalchemy import bindparam, insert, select

from app.api.service import Api, Service
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


# Made once, and without the session, which would look for what else has changed.
_ANSWERS = IdempotentAnswer.__table__  # type: ignore[attr-defined] # SQLModel does not say so
_FIND = select(_ANSWERS).where(*(_ANSWERS.c[each] == bindparam(each) for each in ("actor", "route", "key")))
_KEEP = insert(_ANSWERS)


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

    def __init__(self, request: Request, api: Service, idempotency_key: str | None) -> None:
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
            known = self._known(work, who)
            if known is not None:
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
                work.write_last(_KEEP, given.model_dump())
            return given

        given = self._api.releasing.transact(who, attempt)
        headers = {"Location": given.location} if given.location else None
        return Response(given.body, status_code=given.status, media_type="application/json", headers=headers)

    def _known(self, work: Work, who: Actor) -> IdempotentAnswer | None:
        if self._key is None:
            return None
        asked = {"actor": who.name, "route": self._route, "key": self._key}
        found = work.connection().execute(_FIND, asked).first()
        return None if found is None else IdempotentAnswer(**found._mapping)


async def _idempotent(request: Request, api: Api, idempotency_key: IdempotencyKey = None) -> Idempotent:
    return Idempotent(request, api, idempotency_key)


Once = Annotated[Idempotent, Depends(_idempotent)]


def _same_request(known: IdempotentAnswer, digest: str) -> IdempotentAnswer:
    if known.request_digest != digest:
        raise Invalid(
            f"The Idempotency-Key {known.key!r} was used for another request.",
            code="idempotency_key_reused",
            hint="Use a new key for a new request.",
        )
    return known
