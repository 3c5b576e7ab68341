"""Problem responses in the OpenAPI document: one schema, and the statuses of each route."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from app.api.problems import MEDIA_TYPE, TITLES

Responses = dict[int | str, dict[str, Any]]

_WHEN = {
    401: "The credentials are missing or not valid.",
    403: "The caller may not do this, or the caller's vote does not count.",
    404: "It does not exist, or the caller may not see it.",
    409: "The current state does not allow this.",
    408: "The body did not arrive in time.",
    413: "The request has too many bytes or files.",
    422: "The request is malformed; `mistakes` lists every mistake.",
    500: "Internal error; see the service's log.",
    503: "The database or the token's issuer does not respond. Try again after `Retry-After` seconds.",
}


class MistakeView(BaseModel):
    """A mistake in a request."""

    file: str | None = Field(description="of a definition")
    line: int | None = Field(description="in that file, from 1")
    field: str | None
    message: str = Field(description="what is wrong, and what is expected")


class Problem(BaseModel):
    """An error (RFC 9457). Further members give details."""

    type: str = Field(
        description="a URN with the code: stable, for programs", examples=["urn:mlrelease:problem:plan_changed"]
    )
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(description="one sentence for people")
    code: str = Field(examples=["plan_changed"])
    hint: str | None = Field(default=None, description="what to do about it")
    mistakes: list[MistakeView] | None = Field(default=None, description="the first hundred")
    mistakes_left_out: int | None = Field(default=None, description="how many more mistakes there are, if any")


def refusals(*statuses: int) -> Responses:
    """The problems of a route, beside those of every route."""
    return {status: _response(status) for status in statuses}


def document_problems(app: FastAPI) -> None:
    """Add the problem's schema to the OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation extends it


def _response(status: int) -> dict[str, Any]:
    example = {
        "type": "urn:mlrelease:problem:…",
        "title": TITLES[status],
        "status": status,
        "detail": "One sentence that says what is wrong.",
        "code": "…",
        "hint": "What to do about it.",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": _WHEN[status], "content": content}
