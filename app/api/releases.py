"""Releases over HTTP: request, list, poll."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Name
from app.api.documentation import refusals
from app.api.etags import etag_of, known_of
from app.api.idempotency import Answer, Once
from app.api.paging import Cursor, Limit, moment_of, page_end
from app.api.permissions import Viewer, may, require_still_visible
from app.api.polls import MAX_WAIT_SECONDS
from app.api.release_views import ReleaseDetail, ReleasePage, ReleaseView
from app.api.rendered import Rendered
from app.api.service import Api, Service
from app.api.sources import SOURCES, OneSource
from app.approvals.service import decisions_on
from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.releases import queries
from app.releases.states import Status
from app.releases.tables import Release
from app.releasing.requests import request_release
from app.releasing.work import Work

router = APIRouter(prefix="/v1/releases", tags=["releases"])


class NewRelease(OneSource):
    """Release this content through the stages of the model's definition, or some of them."""

    model: Name = Field(examples=["sentiment-model"])
    stages: list[Name] | None = Field(
        default=None, max_length=50, description="a subset; default: all", examples=[["dev", "prod"]]
    )
    definition_version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="default: the newest")
    note: str | None = Field(default=None, max_length=1000)


@router.post(
    "",
    status_code=201,
    response_model=ReleaseDetail,
    responses=refusals(404, 409, 413),
    summary="Request a release",
)
def create_release(
    once: Once,
    who: Annotated[Actor, may(request_release)],
    body: NewRelease,
) -> Response:
    """Answers at once. A worker then looks up the exact content, plans each stage and carries it out.

    To see the plan first, without a release: `POST /v1/dry-runs`.
    """

    def act(work: Work) -> Answer:
        release = request_release(work, body.model, source=body.source, **body.model_dump(exclude={"model", *SOURCES}))
        return new_release(work, release)

    return once(who, act, body=body, check=lambda work: request_release.check(work, body.model))


@router.get("", summary="Releases, the newest first")
def list_releases(
    api: Api,
    who: Viewer,
    model: str | None = None,
    status: Annotated[list[Status] | None, Query()] = None,
    job: str | None = None,
    asking: Annotated[
        bool, Query(description="only those that ask a person what was measured, and could not be decided")
    ] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ReleasePage:
    """Filters are combined; `status` may be given several times."""
    before, visible = moment_of(cursor), who.models(Permission.VIEW)
    rows = api.read(
        lambda session: queries.list_releases(
            session,
            model=model,
            statuses=status or (),
            job=job,
            asking=asking,
            before=before,
            limit=limit + 1,
            visible=visible,
        )
    )
    end = page_end(rows, limit, lambda release: f"{release.created_at.isoformat()} {release.id}")
    return ReleasePage(items=[ReleaseView.of(release) for release in rows[:limit]], next=end)


@router.get(
    "/{release_id}",
    response_model=ReleaseDetail,
    responses={304: {"description": "Unchanged since the revision in If-None-Match."}, **refusals(404)},
    summary="One release; poll it with ETag and wait",
)
async def get_release(
    api: Api,
    _who: Viewer,
    request: Request,
    release_id: str,
    if_none_match: Annotated[str | None, Header()] = None,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait for a change")] = 0.0,
) -> Response:
    """With `If-None-Match` and `wait` it answers as soon as something changes, or 304 after `wait` seconds."""
    # Most of them do not come here, but are answered in `polls`.

    revision = await run_in_threadpool(_revision, api, release_id)
    if etag_of(revision) in known_of(if_none_match):
        changed = await api.changes.wait(release_id, revision, seconds=wait)
        if changed is None:
            return Response(status_code=304, headers={"ETag": etag_of(revision)})
        async with api.changes.answer_slots:
            # Two minutes are long: whoever may no longer see it, is not told.
            await require_still_visible(api, request, release_id)
        revision = changed
    answer = await api.answers.at(release_id, revision)
    return Response(answer.body, media_type="application/json", headers={"ETag": etag_of(answer.revision)})


def _revision(api: Service, release_id: str) -> int:
    return api.read(lambda session: queries.revision_of(session, release_id))


def rendered(database: Database, release_id: str) -> Rendered:
    """What polls are answered with. Raises NotFound and Unavailable."""
    with database.read() as session:
        detail = whole_release(session, release_id)
    return Rendered(detail.revision, detail.model_dump_json().encode())


def new_release(work: Work, release: Release) -> Answer:
    """The answer to a request for a release. All of it was written just now: a worker will plan its rollouts."""
    work.number_events()
    shown = ReleaseDetail.whole(release, rollouts=(), plans={}, steps={}, decisions=())
    return Answer(201, shown, location=f"/v1/releases/{release.id}")


def whole_release(session: Session, release_id: str) -> ReleaseDetail:
    if isinstance(session, UnitOfWork):
        session.link_events()  # what was written in this transaction counts in its revision
    release = queries.get_release(session, release_id)
    rollouts = queries.rollouts_of(session, release_id)
    return ReleaseDetail.whole(
        release,
        rollouts=rollouts,
        plans=queries.plans_of(session, rollouts),
        steps=queries.steps_of_release(session, release_id),
        decisions=decisions_on(session, [rollout.id for rollout in rollouts]),
    )
