"""What every route is given: the database, the use cases, and who asks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session

from app.api.changes import Changes
from app.api.poll_reader import PollReader
from app.api.rendered import Answers
from app.api.trace_context import traceparent_of
from app.database.concurrency import ConcurrencyLimit, write_limit
from app.database.connection import Database
from app.errors import Unavailable
from app.guardrails.rules import Guardrails
from app.identity.access import Access
from app.identity.actor import Actor
from app.identity.authentication import Authentication, Credentials, api_token_hash
from app.identity.cookies import session_cookie
from app.identity.request_state import note_actor, request_id_of
from app.releasing.queue import WorkQueue
from app.releasing.work import Releasing
from app.settings import Settings

Result = TypeVar("Result")

MOST_UPLOADS = 8  # of bundles at once
_BEARER = HTTPBearer(auto_error=False, description="An API token, or a token of an issuer that access.yml lists.")


@dataclass(frozen=True)
class Service:
    """One API process. It has no state beside the database, except the limits on concurrency."""

    settings: Settings
    database: Database
    queue: WorkQueue
    changes: Changes
    poll_reader: PollReader
    answers: Answers
    access: Access
    guardrails: Guardrails
    authentication: Authentication
    writes: ConcurrencyLimit = field(default_factory=write_limit)
    uploads: ConcurrencyLimit = field(
        default_factory=lambda: ConcurrencyLimit(
            MOST_UPLOADS, "Too many bundles are being uploaded.", code="too_many_uploads"
        )
    )

    @cached_property
    def releasing(self) -> Releasing:
        """What the use cases work with."""
        return Releasing(self.database, self.queue, self.guardrails)

    def read(self, query: Callable[[Session], Result]) -> Result:
        with self.database.read() as session:
            return query(session)


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def identify(
    request: Request,
    api: Annotated[Service, Depends(_service)],
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None,  # noqa: ARG001 # documents it
    mlrelease_actor: Annotated[  # noqa: ARG001 # documents it
        str | None,
        Header(description="The caller's name. Only with the development login (MLRELEASE_DEVELOPMENT_LOGIN)."),
    ] = None,
    mlrelease_groups: Annotated[  # noqa: ARG001 # documents it
        str,
        Header(
            description="The caller's groups, separated by commas. Only with the development login.", max_length=1000
        ),
    ] = "",
) -> Actor:
    """The caller. Raises Unauthenticated."""
    known: Actor | None = getattr(request.state, "actor", None)  # since before the body was read
    return known or note_actor(request, await actor_of_headers(api, request))


async def actor_of_headers(api: Service, request: Request) -> Actor:
    """The caller of this request, by the current state of their credentials. Raises Unauthenticated."""
    # A cookie is sent along with what another site makes a browser send: here it is believed for reading only.
    session = request.cookies.get(session_cookie(api.settings)) if request.method in {"GET", "HEAD"} else None
    credentials = Credentials(
        authorization=request.headers.get("authorization"),
        session=session,
        claimed_name=request.headers.get("mlrelease-actor"),
        claimed_groups=request.headers.get("mlrelease-groups", ""),
    )
    request_id, traceparent = request_id_of(request), traceparent_of(request)
    actor = await recalled(api, credentials.authorization)
    if actor is None:
        actor = await api.authentication.authenticate(credentials, request_id=request_id)
    return replace(actor, request_id=request_id, traceparent=traceparent)


async def recalled(api: Service, authorization: str | None) -> Actor | None:
    """The holder of an API token that was found to count a moment ago, and by its row still does. None: ``authenticate`` finds out, or says why not.

    The row is read for all together who ask meanwhile, polls too: by one statement, and without a thread for each.
    """
    token_hash = api_token_hash(authorization)
    if token_hash is None:
        return None
    try:
        seen = await api.poll_reader.read((), token_hash)
    except Unavailable:
        return None
    if seen.token is None:
        return None
    return api.authentication.recall(seen.token.row, digest=seen.token.digest, at=seen.at)


Api = Annotated[Service, Depends(_service)]
# Whoever it is. Routes say what they need with one of `api.permissions`.
Who = Annotated[Actor, Depends(identify)]
