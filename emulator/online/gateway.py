"""The scoring address of every endpoint: who may call, which deployment answers, and Azure's statuses when none can."""

import asyncio
import random
import re
import time
import uuid
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from emulator.errors import AzureError
from emulator.online import keys, records, rules, runtime
from emulator.online.fleet import Fleet
from emulator.online.metrics import shown
from emulator.online.wire import Broken, Headers, NotConnected
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

DEPLOYMENT_HEADER = "azureml-model-deployment"
REASON, MODEL_STATUS = "ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# What belongs to one connection, and what the gateway keeps to itself.
_NOT_FORWARDED = frozenset(
    b"host connection keep-alive proxy-connection transfer-encoding content-length authorization upgrade te trailer expect".split()
)
_NOT_RETURNED = frozenset(
    [
        *b"connection keep-alive transfer-encoding content-length server date".split(),
        # The gateway's own words: a script does not say them.
        *(name.encode() for name in (DEPLOYMENT_HEADER, REASON, MODEL_STATUS)),
    ]
)


@dataclass(frozen=True)
class Call:
    """A request as it goes to a deployment."""

    method: bytes
    target: bytes  # path and query, as they came
    headers: Headers
    body: bytes


@router.api_route("/inference/{location}/{endpoint}/{path:path}", methods=_METHODS)
async def score(azure: Azure, location: str, endpoint: str, request: Request) -> Response:
    began = time.perf_counter()
    document = _find(azure, location, endpoint)
    if document is None:
        return PlainTextResponse(f"There is no endpoint {endpoint} in {location}.", status_code=404)
    name, response = await _route(azure, document, request)
    for header, value in _tracing(request).items():
        response.headers[header] = value
    _measure(azure, document, name, response, began=began)
    return response


async def _route(azure: Emulator, endpoint: Document, request: Request) -> tuple[str, Response]:
    """The name of the deployment that was chosen, or nothing, and the answer."""
    try:
        keys.admit(azure, endpoint, request.headers.get("authorization"))
    except AzureError as refusal:
        return "", PlainTextResponse(refusal.message, status_code=refusal.status)
    routing = endpoint["_"]["routing"]
    live = rules.positive(routing["traffic"])
    named = request.headers.get(DEPLOYMENT_HEADER, "").strip().lower()
    if named:
        if records.deployment(azure, endpoint["workspace"], endpoint["name"], named) is None:
            return "", PlainTextResponse("Specified deployment could not be found", status_code=404)
        chosen = named
    elif live:
        chosen = _draw(live)
    else:
        return "", PlainTextResponse("The endpoint has no deployment with a positive weight.", status_code=404)
    call = await _read(request)
    if not named:
        _mirror(azure, endpoint, rules.positive(routing["mirrorTraffic"]), call)
    response = await _ask(azure, (endpoint["workspace"].lower(), endpoint["name"].lower(), chosen), call)
    response.headers[DEPLOYMENT_HEADER] = chosen
    return chosen, response


async def _ask(azure: Emulator, key: runtime.Key, call: Call) -> Response:
    """A deployment's answer, or why there is none."""
    running = runtime.of(azure)
    coming_back = running.returning.get(key)
    fleet = running.serving.get(key)
    if coming_back is not None and fleet is not None:
        await _wait(coming_back, seconds=fleet.container.timeout)
    if fleet is None:
        return _failed(424, reason="model_not_ready", text="The deployment is not ready.")
    if not fleet.admit():
        return _failed(429, reason="too_many_pending_request", text="")
    try:
        async with asyncio.timeout(fleet.container.timeout):
            return await _forward(fleet, call)
    except TimeoutError:
        return PlainTextResponse("upstream request timeout", status_code=408)
    finally:
        fleet.release()


async def _forward(fleet: Fleet, call: Call) -> Response:
    replica = fleet.choose()
    if replica is None:
        return _failed(424, reason="model_not_ready", text="The deployment is not ready.", model_status=503)
    replica.in_flight += 1
    began = time.perf_counter()
    try:
        answer = await replica.wire.request(call.method, call.target, headers=call.headers, body=call.body)
    except NotConnected:
        return _failed(424, reason="model_not_ready", text="The deployment is not ready.", model_status=503)
    except Broken:
        return _failed(424, reason="model_error", text="The model's container went away.", model_status=502)
    finally:
        replica.in_flight -= 1
    status = answer.status
    response = Response(answer.body, status_code=200 if status == 200 else 424)
    for name, value in answer.headers:
        if name.lower() not in _NOT_RETURNED:
            response.raw_headers.append((name.lower(), value))
    response.headers["ms-azureml-model-time"] = f"{(time.perf_counter() - began) * 1000:.0f}"
    if status != 200:
        response.headers[REASON], response.headers[MODEL_STATUS] = "model_error", str(status)
    return response


def _mirror(azure: Emulator, endpoint: Document, mirrored: dict[str, int], call: Call) -> None:
    """Send a copy of some requests to the shadow; nobody waits for its answer."""
    for name, percent in mirrored.items():
        if random.random() * 100 < percent:  # noqa: S311 - a share of requests, not a secret
            task = asyncio.create_task(_shadow(azure, endpoint, name, call))
            tasks = runtime.of(azure).tasks
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def _shadow(azure: Emulator, endpoint: Document, name: str, call: Call) -> None:
    began = time.perf_counter()
    response = await _ask(azure, (endpoint["workspace"].lower(), endpoint["name"].lower(), name), call)
    if shown(azure.store).mirrored:
        _measure(azure, endpoint, name, response, began=began)


def _find(azure: Emulator, location: str, endpoint: str) -> Document | None:
    owner = azure.store.get("regions", location, "endpoints", endpoint)
    found = records.endpoint(azure, owner["workspace"], endpoint) if owner else None
    return found if found and found["_"]["provisioned"] else None


def _draw(live: dict[str, int]) -> str:
    return random.choices(list(live), weights=list(live.values()))[0]  # noqa: S311 - a share of requests, not a secret


async def _read(request: Request) -> Call:
    sent = request.headers.raw
    # A caller may name further headers as its connection's own.
    named = {each.strip().lower() for name, value in sent if name == b"connection" for each in value.split(b",")}
    headers = [(name, value) for name, value in sent if name not in _NOT_FORWARDED | named]
    # Still quoted: unquoted, a path could hold a space or the end of a line.
    path, query = request.scope["raw_path"].split(b"/", 4)[4], request.scope["query_string"]
    return Call(request.method.encode(), b"/" + path + (b"?" + query if query else b""), headers, await request.body())


async def _wait(event: asyncio.Event, *, seconds: float) -> None:
    await asyncio.wait([asyncio.ensure_future(event.wait())], timeout=seconds)


def _failed(status: int, *, reason: str, text: str, model_status: int | None = None) -> Response:
    headers = {REASON: reason}
    if model_status is not None:
        headers[MODEL_STATUS] = str(model_status)
    return PlainTextResponse(text, status_code=status, headers=headers)


def _tracing(request: Request) -> dict[str, str]:
    """Azure always gives a request an id of its own and repeats the caller's, cut and cleaned."""
    traced = {"x-request-id": str(uuid.uuid4())}
    mine = request.headers.get("x-ms-client-request-id")
    if mine is not None:
        traced["x-ms-client-request-id"] = re.sub(r"[^A-Za-z0-9_-]", "", mine)[:40]
    return traced


def _measure(azure: Emulator, endpoint: Document, name: str, response: Response, *, began: float) -> None:
    status = response.status_code
    model = int(response.headers.get(MODEL_STATUS, 0)) or (200 if status == 200 else 0)
    runtime.of(azure).metrics.record(
        endpoint["workspace"],
        endpoint["name"],
        deployment=name,
        status=status,
        model_status=model,
        milliseconds=(time.perf_counter() - began) * 1000,
    )
