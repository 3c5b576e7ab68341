"""What every route is given: the database, the queue, who asks and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Request
from sqlmodel import Session

from app.api.changes import Changes
from app.database.connection import Database
from app.identity.actor import Actor
from app.settings import Settings
from app.workflow.queue import WorkQueue
from app.workflow.requests import Asking

Result = TypeVar("Result")


@dataclass(frozen=True)
class Service:
    """One API process: no state beside the database."""

    settings: Settings
    database: Database
    queue: WorkQueue
    changes: Changes

    def asking(self, actor: Actor) -> Asking:
        return Asking(queue=self.queue, actor=actor, now=datetime.now(UTC), subscription=self.settings.subscription)

    def read(self, query: Callable[[Session], Result]) -> Result:
        with self.database.read() as session:
            return query(session)


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _actor(
    request: Request,
    mlrelease_actor: Annotated[
        str,
        Header(
            description="Who asks. Believed as it is: the API listens on loopback only.", max_length=100, min_length=1
        ),
    ] = "anonymous",
) -> Actor:
    return Actor(name=mlrelease_actor, via="api", request_id=request.headers.get("x-request-id"))


Api = Annotated[Service, Depends(_service)]
Who = Annotated[Actor, Depends(_actor)]
