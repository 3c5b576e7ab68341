"""The API process, put together: ``mlrelease serve``. It imports neither the Azure SDK nor scikit-learn."""

if __name__ == "__main__":  # before the imports, which take seconds: it begins anew
    from app.process.environment import hide_secrets
    from app.process.garbage import collect_nothing_yet

    hide_secrets()
    collect_nothing_yet()

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.api import (
    adoptions,
    audit,
    bundles,
    control,
    decisions,
    drift,
    dry_runs,
    events,
    evidence,
    freezes,
    health,
    jobs,
    models,
    provenance,
    releases,
    rollbacks,
    targets,
    tokens,
    webhooks,
    workers,
)
from app.api.changes import Changes
from app.api.connections import connection_class
from app.api.documentation import document_problems, refusals
from app.api.limits import RequestLimits
from app.api.poll_reader import PollReader
from app.api.polls import Polls
from app.api.problems import answer_errors
from app.api.rendered import Answers
from app.api.request_log import RequestLog
from app.api.service import Service
from app.database.opening import open_database
from app.database.revision import check_schema
from app.errors import Misconfigured, MlreleaseError
from app.gates.routes import gate_routes
from app.guardrails.file import read_guardrails
from app.identity.access_file import read_access
from app.identity.authentication import Authentication
from app.logs import log_all_output, set_up_logs
from app.notifications.keys import signing_keys
from app.process.environment import forget_secrets
from app.process.garbage import collect_from_now_on
from app.process.private_files import keep_files_private
from app.process.python_version import warn_of_old_python
from app.releases.attested import RightsOnRecord
from app.releasing.provenance import provenance_keys
from app.releasing.queue import DbosQueue
from app.settings import Settings, read_settings
from app.web import answers as answer_pages
from app.web import api_docs, files, home, login, rollouts
from app.web import releases as release_pages
from app.web import targets as target_pages
from app.web.portal import Portal


def create_app(settings: Settings) -> FastAPI:
    """The service's HTTP face over ``settings.database``. Raises Misconfigured on a schema that is not ours."""
    database = open_database(settings, busy_seconds=settings.database_busy_seconds)
    check_schema(database)
    access = read_access(settings.access)
    guardrails = read_guardrails(settings)
    authentication = Authentication(settings, database, access, RightsOnRecord())
    if access.login is not None:
        signing_keys(settings)  # logins that have begun are signed: better no start than nobody who can log in
    if settings.provenance_key_file is not None:
        provenance_keys(settings)  # better no start than a key that is found unusable when somebody asks
    poll_reader = PollReader(database)
    service = Service(
        settings=settings,
        database=database,
        queue=DbosQueue(database.engine),
        changes=Changes(poll_reader),
        poll_reader=poll_reader,
        answers=Answers(lambda release_id: releases.rendered(database, release_id)),
        access=access,
        guardrails=guardrails,
        authentication=authentication,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each) for each in _background_tasks(service)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await authentication.close()
            service.poll_reader.close()
            database.dispose()

    app = FastAPI(
        title="mlrelease",
        version="0.1.0",
        summary="Release Azure ML models: request, approve, roll out, audit.",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,  # operation ids: clients are generated from them
        responses=refusals(422, 500, 503),
        docs_url=None,  # its own lets other hosts run scripts here
        redoc_url=None,
    )
    app.state.service = service
    app.state.portal = Portal(
        authentication=authentication,
        releasing=service.releasing,
        writes=service.writes,
    )
    app.add_middleware(RequestLimits, service=service)
    app.add_middleware(Polls, service=service)
    answer_errors(app)  # around all others, but for the line in the log that says what came of it
    app.add_middleware(RequestLog)
    document_problems(app)
    routers = (
        releases,
        rollbacks,
        dry_runs,
        adoptions,
        drift,
        control,
        decisions,
        targets,
        freezes,
        events,
        evidence,
        provenance,
        workers,
        jobs,
        models,
        bundles,
        webhooks,
        tokens,
        audit,
    )
    for module in routers:
        app.include_router(module.router, responses=refusals(401, 403))
    app.include_router(health.router)
    for pages in (login, home, release_pages, rollouts, answer_pages, target_pages, files, api_docs):
        app.include_router(pages.router)
    if settings.slack_signing_secret.get_secret_value():
        from app.chat.slack import SlackContext, slack_routes  # only here: Slack's SDK is not for those without Slack

        slack = SlackContext(
            settings=settings,
            releasing=service.releasing,
            actor_of=lambda user: access.actor_of_chat("slack", user),
        )
        app.include_router(slack_routes(slack))
    app.include_router(gate_routes(settings, database))
    return app


def _background_tasks(service: Service) -> tuple[Coroutine[Any, Any, None], ...]:
    """What goes on for as long as the process serves."""
    return (
        service.changes.watch(),
        service.authentication.last_used.keep_writing(),
        service.authentication.issuers.keep_fresh(),
        evidence.keep_deleting_expired(service.database),
    )


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
    keep_files_private(settings.data)
    set_up_logs(settings.log_format)
    log_all_output(settings.log_format)
    app = create_app(settings)
    forget_secrets()
    listener = listen(settings.host, settings.port)
    warn_of_old_python()
    collect_from_now_on()
    server_of(app).run(sockets=[listener])


def server_of(app: FastAPI) -> Server:
    """Serves the app over HTTP/1.1 and nothing else: there are no web sockets."""
    return Server(
        uvicorn.Config(
            app,
            http=connection_class(),
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises Misconfigured when it cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as broken:
        taken = broken.errno == errno.EADDRINUSE
        raise Misconfigured(
            f"Port {port} of {host} {'is in use' if taken else f'cannot be served: {broken.strerror}'}.",
            code="port_in_use" if taken else "host_not_served",
            hint="Stop the program that uses it, or set MLRELEASE_PORT."
            if taken
            else "Check MLRELEASE_HOST and MLRELEASE_PORT.",
        ) from broken
    # With its protocol named: only then does asyncio switch off Nagle's algorithm, which costs 40 ms for every answer.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listener.detach())


if __name__ == "__main__":
    try:
        serve()
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
