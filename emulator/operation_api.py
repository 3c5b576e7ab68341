"""How callers follow a long-running operation: what the first answer carries, and what polling gives."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from emulator.arm import PROVIDER
from emulator.errors import NotFound
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

# Azure says 5–30 s here. The SDK obeys this header everywhere, so that nobody waits for what is already over.
POLL_MILLISECONDS = 100


def poll_after(azure: Emulator) -> dict[str, str]:
    """The header that tells the SDK when to ask again; set the delay ``poll`` (seconds) to change it."""
    seconds = azure.faults.seconds("poll")
    return {"retry-after-ms": str(int(seconds * 1000) if seconds else POLL_MILLISECONDS)}


def status_url(
    azure: Emulator,
    operation: str,
    *,
    subscription: str,
    location: str,
    api_version: str,
    word: str = "mfeOperationsStatus",
) -> str:
    """Where an ARM operation of the workspace service is polled; ``word`` is mfeOperationsStatus or mfeOperationResults."""
    return (
        f"{azure.base_url}/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices"
        f"/locations/{location}/{word}/{operation}?api-version={quote(api_version)}"
    )


def accepted(
    azure: Emulator,
    operation: str,
    *,
    request: Request,
    workspace: Document,
    status: int = 201,
    body: Document | None = None,
) -> Response:
    """The answer to a PUT (201 created, 200 updated), PATCH or DELETE (202) that began this operation."""
    version = request.query_params.get("api-version", "2023-04-01-preview")
    where = {"subscription": workspace["subscription"], "location": workspace["location"], "api_version": version}
    headers = {
        "Azure-AsyncOperation": status_url(azure, operation, **where),
        # A PUT ends in the resource itself, a DELETE or PATCH in the operation's own result.
        "Location": f"{azure.base_url}{quote(request.url.path)}?api-version={quote(version)}"
        if request.method == "PUT"
        else status_url(azure, operation, word="mfeOperationResults", **where),
        **poll_after(azure),
    }
    if body is None:
        return Response(status_code=status, headers=headers)
    return JSONResponse(body, status_code=status, headers=headers)


def accepted_by_asset_store(azure: Emulator, operation: str) -> Response:
    """A registry's answer to a PUT or an import: 202, the body ``null``, and where to poll."""
    headers = {"Location": f"{azure.base_url}/assetstore/v1.0/operations/{operation}", **poll_after(azure)}
    return JSONResponse(None, status_code=202, headers=headers)


def _find(azure: Emulator, operation: str) -> Document:
    document = azure.operations.get(operation)
    if document is None:
        raise NotFound(f"Operation {operation} was not found.", code="NotFound")
    return document


_STATUS = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"


@router.get(_STATUS + "/mfeOperationsStatus/{operation}")
async def operation_status(azure: Azure, operation: str, request: Request) -> Response:
    """The Azure-AsyncOperation resource: always 200, the status in the body."""
    document = _find(azure, operation)
    body: dict[str, Any] = {
        "id": request.url.path,
        "name": operation,
        "status": document["status"],
        "error": document["error"],
    }
    running = document["status"] == "InProgress"
    return JSONResponse(body, headers=poll_after(azure) if running else {})


@router.get(_STATUS + "/mfeOperationResults/{operation}")
async def operation_result(azure: Azure, operation: str) -> Response:
    """The Location resource: 202 while it runs, then what came out."""
    return _result(azure, _find(azure, operation))


@router.get("/assetstore/v1.0/operations/{operation}")
async def asset_store_operation(azure: Azure, operation: str) -> Response:
    """A registry's operation: an empty 202 while it runs; at its end 200 with the asset's id, or 204 when it has no result."""
    return _result(azure, _find(azure, operation))


def _result(azure: Emulator, document: Document) -> Response:
    if document["status"] == "InProgress":
        return Response(status_code=202, headers=poll_after(azure))
    if document["error"]:
        # Here success is a status code, so failure is one too; one that no client repeats.
        return JSONResponse({"error": document["error"]}, status_code=400)
    if document["result"] is None:
        return Response(status_code=204)
    return JSONResponse(document["result"])


# ARM knows both forms: with and without a resource group.
router.add_api_route(PROVIDER + "/locations/{location}/mfeOperationsStatus/{operation}", operation_status)
