"""Dry runs over HTTP: what a release would do, without requesting it."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from app.api.bodies import Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Viewer, may
from app.api.plan_views import DryRunView
from app.api.service import Api, Service
from app.api.sources import SOURCES, OneSource
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.releases.dry_runs import no_such_dry_run
from app.releases.states import DryRunState
from app.releases.tables import DryRun
from app.releasing.requests import request_dry_run
from app.releasing.work import Work

router = APIRouter(prefix="/v1/dry-runs", tags=["releases"])

MAX_WAIT_SECONDS = 120.0
POLL_SECONDS = 0.2


class NewDryRun(OneSource):
    """The release that would be requested."""

    model: Name = Field(examples=["sentiment-model"])
    stages: list[Name] | None = Field(
        default=None, max_length=50, description="a subset; default: all", examples=[["dev", "prod"]]
    )
    definition_version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="default: the newest")


@router.post(
    "",
    status_code=202,
    response_model=DryRunView,
    responses=refusals(404, 409, 413),
    summary="Plan a release without requesting it",
)
def create_dry_run(once: Once, who: Annotated[Actor, may(request_dry_run)], body: NewDryRun) -> Response:
    """Answers at once. A worker then plans each stage and runs the checks; poll the address in `Location` for the result.

    Nobody is asked to approve, and nothing is changed.
    """

    def act(work: Work) -> Answer:
        run = request_dry_run(work, body.model, source=body.source, **body.model_dump(exclude={"model", *SOURCES}))
        return Answer(202, DryRunView.of(run), location=f"/v1/dry-runs/{run.id}")

    return once(who, act, body=body, check=lambda work: request_dry_run.check(work, body.model))


@router.get("/{dry_run_id}", responses=refusals(404), summary="One dry run: the plan, and what would stop it")
async def get_dry_run(
    api: Api,
    who: Viewer,
    dry_run_id: str,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait until it is ready")] = 0.0,
) -> DryRunView:
    """`POST /v1/dry-runs` starts one. It is kept for a day."""
    until = time.monotonic() + wait
    run = await run_in_threadpool(_read, api, who, dry_run_id)
    while run.state is DryRunState.PENDING and time.monotonic() < until and not api.changes.is_closing:
        await asyncio.sleep(POLL_SECONDS)
        run = await run_in_threadpool(_read, api, who, dry_run_id)
    return DryRunView.of(run)


def _read(api: Service, who: Actor, dry_run_id: str) -> DryRun:
    run = api.read(lambda session: session.get(DryRun, dry_run_id))
    if run is None or not who.may(Permission.VIEW, run.model):
        raise no_such_dry_run(dry_run_id)
    return run
