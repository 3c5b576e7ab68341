"""Jobs as ARM resources: submitted by PUT, read, listed, cancelled, deleted."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.identity import Caller
from emulator.jobs import cancellation, runs, submission
from emulator.jobs.description import as_job
from emulator.jobs.statuses import Status
from emulator.operation_api import accepted
from emulator.state import Azure
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

_PAGE = 100
_JOBS = arm.WORKSPACE + "/jobs"


@router.put(_JOBS + "/{job}")
async def put_job(azure: Azure, caller: Caller, workspace: Workspace, job: str, body: dict[str, Any]) -> Response:
    """Submit a job; or, when it is there, change what may change of it."""
    properties = arm.properties_of(body)
    submission.check_shape(properties)
    before = azure.store.get("workspaces", workspace["name"], "jobs", job)
    if before is None:
        run = submission.submit(azure, workspace, job, properties=properties, by=caller.name)
    else:
        run = submission.amend(azure, before, properties=properties)
    return JSONResponse(as_job(azure, workspace, run), status_code=201 if before is None else 200)


@router.get(_JOBS + "/{job}")
async def get_job(azure: Azure, workspace: Workspace, job: str) -> Document:
    run = azure.store.get("workspaces", workspace["name"], "jobs", job)
    if run is None:
        raise NotFound(f"Job {job} was not found in workspace {workspace['name']}.", code="UserError")
    return as_job(azure, workspace, run)


@router.get(_JOBS)
async def list_jobs(
    azure: Azure,
    workspace: Workspace,
    request: Request,
    view: str = Query("ActiveOnly", alias="listViewType"),
    kind: str | None = Query(None, alias="jobType"),
    tag: str | None = None,
    skip: str | None = Query(None, alias="$skip"),
) -> Document:
    """The jobs of a workspace, newest first, without the steps of pipelines."""
    found = [
        run
        for run in reversed(runs.all_of(azure, workspace["name"]))
        if run["parent"] is None
        and (view == "All" or run["archived"] == (view == "ArchivedOnly"))
        and (kind is None or run["kind"].lower() == kind.lower())
        and (tag is None or _has_tag(run, tag))
    ]
    start = int(skip) if skip and skip.isdigit() else 0
    page = found[start : start + _PAGE]
    more = start + _PAGE < len(found)
    return {
        "value": [as_job(azure, workspace, run) for run in page],
        "nextLink": f"{azure.base_url}{request.url.path}?{_query(request, start + _PAGE)}" if more else None,
    }


@router.post(_JOBS + "/{job}/cancel")
async def cancel_job(azure: Azure, workspace: Workspace, job: str, request: Request) -> Response:
    """Ask for the end of a job. Azure refuses for one that is over."""
    run = runs.find(azure, workspace["name"], job)
    if Status(run["status"]).is_final:
        what = "pipeline run" if run["kind"] == "Pipeline" else "run"
        raise BadRequest(f"The {what} {job} is in terminal status, it can't be canceled.", code="UserError")
    operation = cancellation.begin(azure, workspace, run)
    return accepted(azure, operation, request=request, workspace=workspace, status=202)


@router.delete(_JOBS + "/{job}")
async def delete_job(azure: Azure, workspace: Workspace, job: str, request: Request) -> Response:
    run = azure.store.get("workspaces", workspace["name"], "jobs", job)
    if run is None:
        return Response(status_code=204)
    if not Status(run["status"]).is_final:
        raise Conflict(f"Job {job} is {run['status']}: cancel it before deleting it.", code="UserError")
    operation = azure.operations.begin(
        "delete_job",
        resource=arm.resource_id(workspace, "jobs", run["name"]),
        workspace=workspace["name"],
        job=run["name"],
    )
    return accepted(azure, operation, request=request, workspace=workspace, status=202)


def _has_tag(run: Document, tag: str) -> bool:
    name, equals, value = tag.partition("=")
    return name in run["tags"] and (not equals or run["tags"][name] == value)


def _query(request: Request, skip: int) -> str:
    kept = {name: value for name, value in request.query_params.items() if name != "$skip"}
    return urlencode({**kept, "$skip": skip})
