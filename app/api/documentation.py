"""How the OpenAPI document tells of refusals: once as a schema, and at each route by status."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from app.api.problems import MEDIA_TYPE, TITLES

Responses = dict[int | str, dict[str, Any]]

_WHEN = {
    401: "Nobody knows who asks: send a valid token.",
    403: "Who asks may not do this, or their word does not count.",
    404: "There is no such thing.",
    409: "It is there, but its state does not allow this.",
    408: "The body did not arrive in time.",
    413: "More bytes or files than are accepted.",
    422: "What was sent is malformed; `mistakes` lists everything that is wrong with it.",
    500: "The service broke; its log says how.",
    503: "The database, or the issuer of the token, does not answer. Try again after `Retry-After` seconds.",
}


class MistakeView(BaseModel):
    """One thing wrong with what was sent."""

    file: str | None = Field(description="of a definition")
    line: int | None = Field(description="in that file, from 1")
    field: str | None
    message: str = Field(description="what was expected instead")


class Problem(BaseModel):
    """A refusal (RFC 9457). Further members tell more about this one."""

    type: str = Field(
        description="names the code: stable, for programs", examples=["urn:mlrelease:problem:plan_changed"]
    )
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(description="one sentence for people")
    code: str = Field(examples=["plan_changed"])
    hint: str | None = Field(default=None, description="what to do about it")
    mistakes: list[MistakeView] | None = Field(default=None, description="the first hundred")
    mistakes_left_out: int | None = Field(default=None, description="how many more there are, where there are")


def refusals(*statuses: int) -> Responses:
    """The problems that a route answers with, beside those of every route."""
    return {status: _response(status) for status in statuses}


def document_problems(app: FastAPI) -> None:
    """Have the OpenAPI document hold the problem's schema and, for every route, what each may answer."""
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
        "detail": "One sentence that says why.",
        "code": "…",
        "hint": "What to do about it.",
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": _WHEN[status], "content": content}
