"""Events over HTTP: in pages, or as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from app.api.documentation import refusals
from app.api.paging import Limit
from app.api.permissions import Viewer, require_still_visible
from app.api.service import Api, Service, recalled
from app.api.views import EventPage, EventView
from app.errors import Invalid, NotFound, Unauthenticated, Unavailable
from app.identity.roles import Permission
from app.planning.ids import model_of
from app.releases import queries

router = APIRouter(tags=["events"])

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
BATCH = 200

After = Annotated[int, Query(ge=0, lt=2**31, description="the number of the last event that you have read")]


@router.get("/v1/events", summary="All events, the oldest first")
def list_events(api: Api, who: Viewer, after: After = 0, limit: Limit = 50) -> EventPage:
    """The events of the models that you can see. Events are numbered without gaps, in order. Send `next` as `after` for the next page."""
    visible = who.models(Permission.VIEW)
    events = api.read(lambda session: queries.list_events(session, after=after, limit=limit, visible=visible))
    return _page(events=[EventView.of(each) for each in events], limit=limit)


@router.get(
    "/v1/releases/{release_id}/events",
    response_model=EventPage,
    responses={200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}, **refusals(404)},
    summary="A release's events; a stream if text/event-stream is accepted",
)
async def list_release_events(
    api: Api,
    _who: Viewer,
    request: Request,
    release_id: str,
    after: After = 0,
    limit: Limit = 50,
    accept: Annotated[str, Header()] = "application/json",
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """A stream starts after `Last-Event-ID` (or `after`) and ends when the release has ended and every event was sent."""
    await run_in_threadpool(api.read, lambda session: queries.revision_of(session, release_id))
    if EVENT_STREAM in accept:
        begin = _number(last_event_id) if last_event_id is not None else after
        return StreamingResponse(
            _stream(api, request, release_id, begin),
            media_type=EVENT_STREAM,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    events = await run_in_threadpool(_read, api, release_id, after, limit)
    return Response(_page(events=events, limit=limit).model_dump_json(), media_type="application/json")


async def _stream(api: Service, request: Request, release_id: str, after: int) -> AsyncIterator[str]:
    seen = after
    while True:
        # A stream may last for days: whoever may no longer see the release gets nothing more of it.
        async with api.changes.answer_slots:
            if not await _may_still_see(api, request, release_id):
                return
            events = await run_in_threadpool(_read, api, release_id, seen, BATCH)
            is_over = not events and await run_in_threadpool(_is_over, api, release_id, seen)
        for event in events:
            yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
            seen = event.seq
        if events:
            continue
        if is_over:
            return
        while await api.changes.wait(release_id, seen, seconds=KEEP_ALIVE_SECONDS) is None:
            if api.changes.is_closing or await request.is_disconnected():
                return
            # Nothing has happened: nothing is read of the release.
            if not await _is_recalled(api, request, release_id) and not await _may_still_see(api, request, release_id):
                return
            yield ": still here\n\n"


async def _is_recalled(api: Service, request: Request, release_id: str) -> bool:
    """Whether the caller is known at once, and may see it."""
    who = await recalled(api, request.headers.get("authorization"))
    return who is not None and who.may(Permission.VIEW, model_of(release_id))


async def _may_still_see(api: Service, request: Request, release_id: str) -> bool:
    try:
        await require_still_visible(api, request, release_id)
    except (Unauthenticated, NotFound, Unavailable):
        return False  # the caller comes again, and is told why
    return True


def _is_over(api: Service, release_id: str, seen: int) -> bool:
    release = api.read(lambda session: queries.get_release(session, release_id))
    return release.status.is_final and release.revision <= seen


def _read(api: Service, release_id: str, after: int, limit: int) -> list[EventView]:
    found = api.read(lambda session: queries.list_events(session, release_id=release_id, after=after, limit=limit))
    return [EventView.of(event) for event in found]


def _page(*, events: list[EventView], limit: int) -> EventPage:
    return EventPage(items=events, next=str(events[-1].seq) if len(events) == limit else None)


def _number(last_event_id: str) -> int:
    if not last_event_id.isdecimal() or len(last_event_id) > 10 or int(last_event_id) >= 2**31:
        raise Invalid(
            f"Last-Event-ID {last_event_id[:40]!r} is not the number of an event.",
            code="last_event_id_invalid",
            hint="Leave it out.",
        )
    return int(last_event_id)
