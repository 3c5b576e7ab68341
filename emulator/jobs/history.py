"""The run history service: runs, their details, children, labels; and the data plane's answer to where an output is."""

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from emulator import arm
from emulator.errors import BadRequest
from emulator.jobs import cancellation, links, outputs, runs
from emulator.jobs.description import as_details, as_run
from emulator.jobs.statuses import Status
from emulator.state import Azure
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

_HISTORY = f"/history/v1.0{arm.WORKSPACE}"
# A run is found under each of these; the experiment in the path is what the client happens to know.
_RUN = (
    f"{_HISTORY}/runs/{{run}}",
    f"{_HISTORY}/experiments/{{experiment}}/runs/{{run}}",
    f"{_HISTORY}/experimentids/{{experiment}}/runs/{{run}}",
)
_PAGE = 100


class Asked(BaseModel):
    """A body in the service's camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RunChange(Asked):
    """What a PATCH may change of a run; what is not named stays."""

    display_name: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None
    hidden: bool | None = None


class RunQuestion(Asked):
    run_id: str


class RunsQuestion(Asked):
    run_ids: list[str] = Field(default_factory=list)


async def get_run(azure: Azure, workspace: Workspace, run: str) -> Document:
    return as_run(workspace, runs.find(azure, workspace["name"], run))


async def get_details(azure: Azure, workspace: Workspace, run: str) -> Document:
    found = runs.find(azure, workspace["name"], run)
    return as_details(found, log_files=links.of_logs(azure, workspace, found))


async def get_children(
    azure: Azure,
    workspace: Workspace,
    run: str,
    request: Request,
    top: int | None = Query(None, alias="$top"),
    after: int = Query(0, alias="$continuationToken"),
) -> Document:
    """The steps of a pipeline, newest first."""
    found = list(reversed(runs.children(azure, runs.find(azure, workspace["name"], run))))
    size = top or _PAGE
    page = found[after : after + size]
    rest = after + size < len(found)
    address = f"{azure.base_url}{request.url.path}?api-version=v1.0&$top={size}&$continuationToken={after + size}"
    return {
        "value": [as_run(workspace, each) for each in page],
        "continuationToken": str(after + size) if rest else None,
        "nextLink": address if rest else None,
    }


async def change_run(azure: Azure, workspace: Workspace, run: str, body: RunChange) -> Document:
    """Merge labels into a run: what the studio's own edits do."""
    with azure.store.transaction():
        found = runs.find(azure, workspace["name"], run)
        changed = runs.note(
            azure,
            workspace["name"],
            run,
            displayName=found["displayName"] if body.display_name is None else body.display_name,
            description=found["description"] if body.description is None else body.description,
            tags={**found["tags"], **(body.tags or {})},
            runProperties={**found["runProperties"], **(body.properties or {})},
            archived=found["archived"] if body.hidden is None else body.hidden,
        )
    return as_run(workspace, changed)


async def cancel_run(azure: Azure, workspace: Workspace, run: str) -> Document:
    """Ask for the end of a run, a step included."""
    found = runs.find(azure, workspace["name"], run)
    if Status(found["status"]).is_final:
        raise BadRequest(f"The run {run} is in terminal status, it can't be canceled.", code="UserError")
    cancellation.begin(azure, workspace, found)
    return as_run(workspace, runs.find(azure, workspace["name"], run))


async def get_service_instances(azure: Azure, workspace: Workspace, run: str, node: str) -> Document:  # noqa: ARG001 - every node is the same machine
    """The interactive services on a job's node: there are none."""
    runs.find(azure, workspace["name"], run)
    return {"instances": {}}


for _path in _RUN:
    router.add_api_route(_path, get_run, methods=["GET"])
    router.add_api_route(_path, change_run, methods=["PATCH"])
    router.add_api_route(f"{_path}/details", get_details, methods=["GET"])
    router.add_api_route(f"{_path}/children", get_children, methods=["GET"])
    router.add_api_route(f"{_path}/cancel", cancel_run, methods=["POST"])
    router.add_api_route(f"{_path}/serviceinstances/{{node}}", get_service_instances, methods=["GET"])


@router.post(f"{_HISTORY}/rundata")
async def get_run_data(azure: Azure, workspace: Workspace, body: RunQuestion) -> Document:
    return _run_data(workspace, runs.find(azure, workspace["name"], body.run_id))


@router.post(f"{_HISTORY}/batchrundata")
async def get_batch_run_data(azure: Azure, workspace: Workspace, body: RunsQuestion) -> Document:
    found = {run: azure.store.get("workspaces", workspace["name"], "jobs", run) for run in body.run_ids}
    return {
        "runData": {name: _run_data(workspace, run) for name, run in found.items() if run is not None},
        "errors": {
            name: {"error": {"code": "UserError", "message": f"Run {name} was not found."}}
            for name, run in found.items()
            if run is None
        },
    }


def _run_data(workspace: Document, run: Document) -> Document:
    return {"runMetadata": as_run(workspace, run), "runDefinition": None, "jobSpecification": None}


class AssetsQuestion(BaseModel):
    values: list[str]


@router.post(f"/data/v1.0{arm.WORKSPACE}/dataversion/batchGetResolvedUris")
async def get_data_uris(azure: Azure, workspace: Workspace, body: AssetsQuestion) -> Document:
    """Where the data is that asset ids name."""
    found = {asset: outputs.of_asset_id(azure, workspace=workspace["name"], asset=asset) for asset in body.values}
    return {"values": {asset: {"uri": each["uri"], "type": each["type"]} for asset, each in found.items()}}


@router.post(f"/modelregistry/v1.0{arm.WORKSPACE}/models/batchGetResolvedUris")
async def get_model_uris(azure: Azure, workspace: Workspace, body: AssetsQuestion) -> Document:
    """Where the models are that asset ids name."""
    found = {asset: outputs.of_asset_id(azure, workspace=workspace["name"], asset=asset) for asset in body.values}
    return {"values": {asset: {"path": each["uri"], "type": each["type"]} for asset, each in found.items()}}
