"""All rooms of the emulator under one roof."""

import errno
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from emulator import (
    authorization,
    cloud,
    compute,
    control,
    control_secret,
    datastores,
    groups,
    identity,
    jobs,
    managed_identities,
    monitor,
    online,
    operation_api,
    permissions,
    seed,
    workspaces,
)
from emulator.assets import routers as asset_routers
from emulator.blob import containers, reading, writing
from emulator.blob.request import error_response
from emulator.errors import AzureError, InsufficientStorage
from emulator.faults import Faults
from emulator.gate import Gate, words_of
from emulator.keyvault import deleted, secrets, vaults
from emulator.operations import Operations
from emulator.registry import register as register_registries
from emulator.registry import routers as registry_routers
from emulator.state import Emulator
from emulator.store import Store

log = logging.getLogger(__name__)


def _routers() -> Iterator[APIRouter]:
    # Scoring comes first, because routes are tried in order and it must be fast; storage last: its paths are the most general.
    yield from online.routers
    yield from (control.router, identity.router, cloud.router, operation_api.router, permissions.router)
    yield from monitor.routers
    yield from (authorization.router, managed_identities.router)
    yield from (groups.router, workspaces.router, datastores.router, compute.router)
    yield from (vaults.router, secrets.router, deleted.router)
    yield from (*asset_routers(), *registry_routers(), *jobs.routers)
    yield from (containers.router, writing.router, reading.router)


def build_emulator(data: Path, base_url: str) -> Emulator:
    """Open a data folder; a new one gets its first workspaces, registry and vaults."""
    for half in (data / "uploads").glob("*"):
        if half.is_file():  # of an upload that a kill interrupted
            half.unlink()
    store = Store(data / "azure.sqlite")
    faults = Faults(store)
    emulator = Emulator(
        data=data,
        control_secret=control_secret.ensure(data),
        base_url=base_url,
        store=store,
        faults=faults,
        operations=Operations(store=store, faults=faults),
    )
    seed.move_to(emulator)
    seed.plant(emulator)
    return emulator


def build_app(emulator: Emulator) -> ASGIApp:
    """The application for one emulator."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - the signature that FastAPI calls
        for register in (workspaces.register, register_registries, jobs.register, online.register):
            register(emulator)
        emulator.operations.resume()
        yield
        await jobs.shutdown(emulator)
        await online.shutdown(emulator)
        await emulator.operations.settle()
        emulator.store.close()

    app = FastAPI(title="Azure ML emulator", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False  # Azure sends nobody elsewhere
    app.state.emulator = emulator
    paths: list[str] = []
    for router in _routers():
        app.include_router(router)
        paths += [str(getattr(route, "path", "")) for route in router.routes]
    app.add_exception_handler(AzureError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_body)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_exception_handler(ClientDisconnect, _end)
    for kind in (
        OSError,
        sqlite3.Error,
        Exception,
    ):  # the first two by name, or they would be raised again after the answer
        app.add_exception_handler(kind, _break)
    return Gate(app=app, emulator=emulator, words=words_of(paths))


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, AzureError):
        raise error
    if getattr(request.state, "storage", False):
        return error_response(error, method=request.method)
    headers = getattr(error, "headers", None)
    return JSONResponse(error.envelope(), status_code=error.status, headers=headers)


async def _refuse_body(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature that FastAPI calls
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    message = f"The request is invalid: {where}: {first.get('msg', error)}"
    return JSONResponse({"error": {"code": "ValidationError", "message": message}}, status_code=400)


async def _refuse_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"The emulator has nothing at {request.method} {request.url.path}."
    return JSONResponse({"error": {"code": "InvalidResourceType", "message": message}}, status_code=status)


async def _end(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature that FastAPI calls
    """Whoever asked hung up before the whole request was here: nobody reads this."""
    return Response(status_code=400)


async def _break(request: Request, error: Exception) -> Response:
    if is_disk_full(error):
        log.error("the disk is full: %s", error)
        return await _refuse(request, InsufficientStorage("The emulator's disk is full. Make room and try again."))
    message = f"The emulator broke at {request.method} {request.url.path}: {error!r}. Its log has more."
    log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": {"code": "InternalServerError", "message": message}}, status_code=500)


def is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, sqlite3.Error) and "full" in str(error)
