"""Plans of releases that nobody has asked for yet: dry runs over HTTP."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool

from app.api.documentation import refusals
from app.api.permissions import Viewer
from app.api.plan_views import DryRunView
from app.api.service import Api, Service
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.releases.dry_runs import no_such_plan
from app.releases.states import DryRunState
from app.releases.tables import DryRun

router = APIRouter(prefix="/v1/plans", tags=["releases"])

MAX_WAIT_SECONDS = 120.0
POLL_SECONDS = 0.2


@router.get("/{plan_id}", responses=refusals(404), summary="What a release would do, and what stands in its way")
async def get_plan(
    api: Api,
    who: Viewer,
    plan_id: str,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait until it is ready")] = 0.0,
) -> DryRunView:
    """`POST /v1/releases?dry_run=true` begins one; it is kept for a day."""
    until = time.monotonic() + wait
    run = await run_in_threadpool(_read, api, who, plan_id)
    while run.state is DryRunState.PENDING and time.monotonic() < until and not api.changes.is_closing:
        await asyncio.sleep(POLL_SECONDS)
        run = await run_in_threadpool(_read, api, who, plan_id)
    return DryRunView.of(run)


def _read(api: Service, who: Actor, plan_id: str) -> DryRun:
    run = api.read(lambda session: session.get(DryRun, plan_id))
    if run is None or not who.may(Permission.VIEW, run.model):
        raise no_such_plan(plan_id)
    return run
