"""Errors as RFC 9457 problem details: one table maps each error class to a status."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    MlreleaseError,
    NotFound,
    TooLarge,
    TooSlow,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

STATUS_OF: dict[type[MlreleaseError], int] = {
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    TooSlow: 408,
    Unauthenticated: 401,
    Forbidden: 403,
    Unavailable: 503,
    Misconfigured: 500,
}

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    500: "Internal error",
    503: "Unavailable",
}

# Whoever is too slow is hung up on: the rest of the body would be waited for otherwise.
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 408: {"Connection": "close"}, 503: {"Retry-After": "1"}}

MEDIA_TYPE = "application/problem+json"


MOST_MISTAKES = 100  # that are listed; the answer says how many more there are
LONGEST_TEXT = 1000  # characters of each text of a mistake: what was sent may be quoted in it
LONGEST_DETAIL = 4000  # characters

JSON_HINT = "Send a JSON document in UTF-8, with `Content-Type: application/json`."


def answer_errors(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""
    app.add_middleware(UnexpectedErrors)

    @app.exception_handler(MlreleaseError)
    async def _ours(_request: Request, error: MlreleaseError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def _malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        mistakes = [_mistake(each) for each in found]
        first = f"{mistakes[0]['field']}: {mistakes[0]['message']}" if mistakes else "not understood"
        about_body = any(tuple(each["loc"]) == ("body",) or each["type"] == "json_invalid" for each in found)
        return problem(
            422,
            code="malformed",
            detail=f"The request is malformed: {first}.",
            hint=JSON_HINT if about_body else None,
            more={"mistakes": mistakes},
        )

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        path, headers = request.url.path, error.headers
        match error.status_code:
            case 400:  # the framework's word for a body that cannot be read at all
                return problem(
                    422, code="malformed", detail="The request's body cannot be read as JSON.", hint=JSON_HINT
                )
            case 404:
                code, detail = "route_not_found", f"There is no route {path}."
            case 405:
                code, detail = "method_not_allowed", f"{path} does not support {request.method}."
                headers = {"Allow": _allowed(request)}
            case _:
                code, detail = "http_error", f"{str(error.detail).rstrip('.')}."
        hint = f"{request.base_url}docs lists all routes." if error.status_code in {404, 405} else None
        return problem(error.status_code, code=code, detail=detail, hint=hint, headers=headers)


class UnexpectedErrors:
    """Answers unexpected errors. The framework itself would close the connection and log everything twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note_begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note_begin)
        except Exception:
            if begun:
                raise
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            broken = problem(500, code="internal_error", detail="Internal error. See the service's log.")
            await broken(scope, receive, send)


def _allowed(request: Request) -> str:
    """Every method of this path. The framework itself names only those of the first route."""
    methods = ("GET", "POST", "DELETE")
    routes = request.app.routes
    found = [
        method
        for method in methods
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ", ".join(found)


def problem_of(error: MlreleaseError) -> JSONResponse:
    """An error of ours as a problem document."""
    family = next((each for each in type(error).__mro__ if each in STATUS_OF), None)
    status = STATUS_OF[family] if family else 500
    mistakes = [
        {"file": each.file, "line": each.line, "field": each.field, "message": each.message}
        for each in (error.mistakes if isinstance(error, Invalid) else ())
    ]
    more = {**error.details, "mistakes": mistakes} if mistakes else error.details
    headers = _HEADERS.get(status)
    return problem(status, code=error.code, detail=error.sentence, hint=error.hint, headers=headers, more=more)


def problem(
    status: int,
    *,
    code: str,
    detail: str,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """A problem document. ``type`` names the code. ``more`` cannot replace the standard's members."""
    body = {
        **_bounded(more or {}),
        "type": f"urn:mlrelease:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": f"{detail[:LONGEST_DETAIL]}…" if len(detail) > LONGEST_DETAIL else detail,
        "code": code,
        "hint": hint,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers) if headers else None)


def _bounded(more: Mapping[str, Any]) -> dict[str, Any]:
    """Limit the number and length of mistakes: one request of a megabyte had an answer of seven."""
    mistakes: list[dict[str, Any]] | None = more.get("mistakes")
    if mistakes is None:
        return dict(more)
    listed = [{key: _cut(value) for key, value in each.items()} for each in mistakes[:MOST_MISTAKES]]
    left_out = len(mistakes) - len(listed)
    return {**more, "mistakes": listed, **({"mistakes_left_out": left_out} if left_out else {})}


def _cut(value: Any) -> Any:
    return f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value


def _mistake(error: Mapping[str, Any]) -> dict[str, Any]:
    field = ".".join(map(str, error["loc"]))
    message = error["msg"].removeprefix("Value error, ")  # pydantic's mark of a sentence of ours
    return {"field": field, "message": message, "file": None, "line": None}
