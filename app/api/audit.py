"""The audit over HTTP: verify and export the event chain."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.api.bodies import Moment
from app.api.documentation import refusals
from app.api.permissions import Viewer, ViewerOfAll
from app.api.service import Api, Service
from app.api.views import EventView
from app.errors import Invalid, MlreleaseError
from app.events.tables import Event
from app.identity.roles import Permission, Visible
from app.releases import audit
from app.releasing import auditing

router = APIRouter(prefix="/v1/audit", tags=["audit"])

JSON_LINES = "application/x-ndjson"
REST = 1.0  # as long as each page took: half of a processor is left to other requests


class VerdictView(BaseModel):
    """Note `seq` and `hash` elsewhere and send them next time: this also detects a chain that was rewritten as a whole."""

    intact: bool
    seq: int
    hash: str
    broken_at: int | None
    why: str | None
    since: int = Field(description="events up to this one were not read again; 0: the whole chain was verified")


class AuditLine(EventView):
    """An event with everything that its hash covers."""

    previous: str

    @classmethod
    def of(cls, event: Event) -> "AuditLine":
        return cls(**EventView.of(event).model_dump(), previous=event.previous)


@router.get(
    "/verify",
    response_model=VerdictView,
    responses={200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}, **refusals(422)},
    summary="Verify the event chain: all of it, or what came after an event that you noted",
)
def verify_audit(
    api: Api,
    _who: ViewerOfAll,
    seq: Annotated[int | None, Query(ge=1, lt=2**31, description="of an event that you noted")] = None,
    hash: Annotated[str, Query(max_length=64, description="of that event")] = "",  # noqa: A002 # as events call it
    incremental: Annotated[bool, Query(description="read only what came after that event: takes seconds")] = False,
    accept: Annotated[str, Header()] = "application/json",
) -> Response:
    """Detects edited, removed, added and reordered events, and rows of rights, of decisions and of what served that are
    not as the events say. The whole chain takes a minute or more for a million events: accept `application/x-ndjson`, and a line says
    every half second how far it is (`{"what", "done", "total"}`). The last line is the verdict, or the problem that ended it.

    `incremental` relies on what you noted: events before it, and rows that were made before it, are not read again."""
    if incremental and seq is None:
        raise Invalid(
            "Nothing says where an incremental verification begins.",
            code="anchor_missing",
            hint="Send `seq` and `hash` of an event that was verified before.",
        )
    anchor = audit.Anchor(seq, hash) if seq is not None else None
    found = auditing.verification(
        api.database,
        anchor=None if incremental else anchor,
        since=anchor if incremental else None,
        rest=REST,
    )
    if JSON_LINES in accept:
        return StreamingResponse(_told(found), media_type=JSON_LINES, headers={"X-Accel-Buffering": "no"})
    *_, verdict = found
    return Response(VerdictView(**vars(verdict)).model_dump_json(), media_type="application/json")


def _told(found: Iterator[auditing.Progress | audit.Verdict]) -> Iterator[str]:
    try:
        for each in found:
            yield f"{json.dumps(vars(each))}\n"
    except MlreleaseError as broken:
        yield f"{json.dumps({'detail': broken.sentence, 'code': broken.code, 'hint': broken.hint})}\n"


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
