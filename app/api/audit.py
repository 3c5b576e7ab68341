"""The audit over HTTP: verify and export the event chain."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app.api.bodies import Moment
from app.api.documentation import refusals
from app.api.permissions import Viewer, ViewerOfAll
from app.api.service import Api, Service
from app.api.views import EventView
from app.events.tables import Event
from app.identity.roles import Permission, Visible
from app.releases import audit
from app.releasing import auditing

router = APIRouter(prefix="/v1/audit", tags=["audit"])

JSON_LINES = "application/x-ndjson"


class VerdictView(BaseModel):
    """Note `seq` and `hash` elsewhere and send them next time: this also detects a chain that was rewritten as a whole."""

    intact: bool
    seq: int
    hash: str
    broken_at: int | None
    why: str | None


class AuditLine(EventView):
    """An event with everything that its hash covers."""

    previous: str

    @classmethod
    def of(cls, event: Event) -> "AuditLine":
        return cls(**EventView.of(event).model_dump(), previous=event.previous)


@router.get("/verify", responses=refusals(422), summary="Verify the whole event chain")
def verify_audit(
    api: Api,
    _who: ViewerOfAll,
    seq: Annotated[int | None, Query(ge=1, lt=2**31, description="of an event that you noted")] = None,
    hash: Annotated[str, Query(max_length=64, description="of that event")] = "",  # noqa: A002 # as events call it
) -> VerdictView:
    """Detects edited, removed, added and reordered events, and rows of rights, of decisions and of what served that are
    not as the events say. Takes some seconds for a million events."""
    anchor = audit.Anchor(seq, hash) if seq is not None else None
    verdict = api.read(lambda session: auditing.verify(session, anchor=anchor))
    return VerdictView(**vars(verdict))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}},
    summary="Export the events of the models that you can see, one JSON document per line",
)
def export_events(
    api: Api,
    who: Viewer,
    since: Moment | None = None,
    until: Moment | None = None,
    model: Annotated[str | None, Query(max_length=255)] = None,
) -> StreamingResponse:
    """The oldest first, from `since` on and before `until`."""
    lines = _lines(api, since=since, until=until, model=model, visible=who.models(Permission.VIEW))
    return StreamingResponse(lines, media_type=JSON_LINES)


def _lines(
    api: Service, *, since: datetime | None, until: datetime | None, model: str | None, visible: Visible
) -> Iterator[str]:
    """Read page by page, so that neither memory nor a transaction holds everything. Starlette iterates in a thread."""
    after = 0
    while page := _page(api, after, since, until, model, visible):
        yield "".join(f"{AuditLine.of(event).model_dump_json()}\n" for event in page)
        after = page[-1].seq


def _page(
    api: Service, after: int, since: datetime | None, until: datetime | None, model: str | None, visible: Visible
) -> list[Event]:
    return api.read(
        lambda session: audit.export(session, after=after, since=since, until=until, model=model, visible=visible)
    )
