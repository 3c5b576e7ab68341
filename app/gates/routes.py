"""The addresses that GitHub and Azure Pipelines call. Each is there only where it is set up."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from app.database.connection import Database
from app.gates import github, pipelines
from app.settings import Settings


def gate_routes(settings: Settings, database: Database) -> APIRouter:
    router = APIRouter(tags=["gates"])

    if settings.github_webhook_secret.get_secret_value():

        @router.post("/gates/github", include_in_schema=False)
        async def protection_rule(request: Request) -> Response:
            body, headers = await request.body(), request.headers
            github.require_github(settings, body, headers.get("x-hub-signature-256", ""))
            if headers.get("x-github-event") == github.EVENT:
                await run_in_threadpool(github.take_request, settings, database, body)
            return Response(status_code=204)  # GitHub also sends what asks for nothing, such as `ping`

    if settings.pipelines_secret.get_secret_value():

        @router.post("/gates/azure-pipelines", include_in_schema=False)
        async def check(request: Request) -> Response:
            pipelines.require_check(settings, request.headers.get("authorization", ""))
            body = await request.body()
            found = await run_in_threadpool(pipelines.answer_check, settings, database, body, request.headers)
            return JSONResponse({"state": found.state, "sentence": found.sentence, "release": found.release_id})

    return router
