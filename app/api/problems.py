"""Errors as RFC 9457 problem details: one table maps each family of ours to a status."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    MlreleaseError,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)

STATUS_OF: dict[type[MlreleaseError], int] = {
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
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
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    500: "Internal error",
    503: "Unavailable",
}

MEDIA_TYPE = "application/problem+json"


def explain_errors(app: FastAPI) -> None:
    """Have every error of this app answered as a problem."""

    @app.exception_handler(MlreleaseError)
    async def _ours(_request: Request, error: MlreleaseError) -> JSONResponse:
        family = next((each for each in type(error).__mro__ if each in STATUS_OF), None)
        status = STATUS_OF[family] if family else 500
        mistakes = [
            {"file": each.file, "line": each.line, "field": each.field, "message": each.message}
            for each in (error.mistakes if isinstance(error, Invalid) else ())
        ]
        headers = {"Retry-After": "1"} if status == 503 else None
        extra = {**error.details, **({"mistakes": mistakes} if mistakes else {})}
        return problem(status, code=error.code, detail=error.sentence, hint=error.hint, headers=headers, **extra)

    @app.exception_handler(RequestValidationError)
    async def _malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        mistakes = [
            {"field": ".".join(map(str, each["loc"])), "message": each["msg"], "file": None, "line": None}
            for each in error.errors()
        ]
        first = f"{mistakes[0]['field']}: {mistakes[0]['message']}" if mistakes else "not understood"
        return problem(422, code="malformed", detail=f"The request is malformed: {first}.", mistakes=mistakes)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, code="http_error", detail=str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, _error: Exception) -> JSONResponse:
        log.exception("request_broke", method=request.method, path=request.url.path)
        return problem(500, code="internal_error", detail="The service broke on this request; its log says how.")


def problem(
    status: int,
    *,
    code: str,
    detail: str,
    hint: str | None = None,
    headers: object = None,
    **extra: object,
) -> JSONResponse:
    """One problem document. ``type`` names the code: stable, for programs."""
    body = {
        "type": f"urn:mlrelease:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        **extra,
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers) if headers else None)  # type: ignore[call-overload] # a mapping of header names
