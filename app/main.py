"""The API process, put together: ``mlrelease serve``. It imports neither the Azure SDK nor scikit-learn."""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from fastapi import FastAPI

from app.api import bundles, control, decisions, events, health, jobs, models, releases, workers
from app.api.changes import Changes
from app.api.documentation import document_problems, refusals
from app.api.limits import RequestLimits
from app.api.problems import explain_errors
from app.api.service import Service
from app.database.connection import Database
from app.database.migrate import check_schema
from app.errors import Misconfigured, MlreleaseError
from app.logs import set_up_logs
from app.settings import Settings, read_settings
from app.workflow.queue import DbosQueue


def create_app(settings: Settings) -> FastAPI:
    """The service's HTTP face over ``settings.database``. Raises Misconfigured on a schema that is not ours."""
    database = Database(settings.database, busy_seconds=settings.database_busy_seconds)
    check_schema(database)
    service = Service(settings=settings, database=database, queue=DbosQueue(database.engine), changes=Changes(database))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.changes.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            database.dispose()

    app = FastAPI(
        title="mlrelease",
        version="0.1.0",
        summary="Releases of Azure ML models: asked for, approved, carried out, accounted for.",
        lifespan=lifespan,
        responses=refusals(422, 500, 503),
    )
    app.state.service = service
    explain_errors(app)
    app.add_middleware(RequestLimits)
    document_problems(app)
    for room in (releases, control, decisions, events, workers, jobs, models, bundles, health):
        app.include_router(room.router)
    return app


class Server(uvicorn.Server):
    """Lets those who wait for a change go as soon as the process is asked to stop."""

    def handle_exit(self, sig: int, frame: object) -> None:
        app = self.config.app
        assert isinstance(app, FastAPI)
        app.state.service.changes.close()
        super().handle_exit(sig, frame)  # type: ignore[arg-type] # uvicorn names the frame type


def serve() -> None:
    """Serve until told to stop."""
    settings = read_settings()
    set_up_logs(settings.log_format)
    if not settings.behind_proxy:
        _only_loopback(settings.host)
    server = Server(
        uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
    server.run(sockets=[_listen(settings.host, settings.port)])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as broken:
        taken = broken.errno == errno.EADDRINUSE
        raise Misconfigured(
            f"Port {port} of {host} {'is in use' if taken else f'cannot be served: {broken.strerror}'}.",
            code="port_in_use" if taken else "host_not_served",
            hint="Stop what uses it, or set MLRELEASE_PORT." if taken else "Check MLRELEASE_HOST and MLRELEASE_PORT.",
        ) from broken


def _only_loopback(host: str) -> None:
    """Callers name themselves and are believed: nobody but this machine may be one."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Misconfigured(
            f"MLRELEASE_HOST is {host}, but callers are not authenticated yet, so only loopback is served.",
            code="host_not_loopback",
            hint="Use 127.0.0.1, or put an authenticating proxy in front and set MLRELEASE_BEHIND_PROXY=true.",
        )


if __name__ == "__main__":
    try:
        serve()
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
