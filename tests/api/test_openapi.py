"""The OpenAPI document says what there is: every route described, its refusals too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.database.connection import Database
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import on_sqlite

pytestmark = on_sqlite

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def document(database: Database, tmp_path: Path) -> dict[str, Any]:
    return create_app(Settings(data=tmp_path, database_url=database.url)).openapi()


@pytest.fixture
def operations(document: dict[str, Any]) -> list[Operation]:
    found = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(found) > 20, "who asks all of them must ask some"
    return found


def test_every_route_is_described(operations: list[Operation]) -> None:
    poor = [
        f"{method} {path}" for method, path, each in operations if not (each.get("summary") and each.get("description"))
    ]
    assert poor == []


def test_every_operation_is_named_once_after_what_it_does(operations: list[Operation]) -> None:
    names = [each["operationId"] for _, _, each in operations]

    assert len(names) == len(set(names))
    assert {"create_release", "create_dry_run", "get_dry_run", "get_plan", "approve_rollout"} <= set(names)


def test_every_route_documents_its_problems_as_problems(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        refused = {int(status) for status in operation["responses"] if int(status) >= 400}
        needed = {422, 500, 503}
        if "{" in path:
            needed.add(404)
        if method == "POST":
            needed.add(413)
        assert needed <= refused, f"{method} {path} documents {sorted(refused)}"
        for status in refused:
            (media_type,) = operation["responses"][str(status)]["content"].items()
            assert media_type[0] == "application/problem+json", f"{method} {path} {status}"
            assert media_type[1]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_state_that_may_refuse_is_documented(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        if method == "POST" and path.startswith(("/v1/releases", "/v1/jobs")):
            assert "409" in operation["responses"], f"{method} {path}"


def test_every_post_takes_an_idempotency_key(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        if method == "POST":
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in names, f"{method} {path}"


def test_every_body_has_examples_or_descriptions(document: dict[str, Any], operations: list[Operation]) -> None:
    bodies = 0
    for method, path, operation in operations:
        if "requestBody" not in operation:
            continue
        bodies += 1
        for schema in _schemas(document, operation["requestBody"]["content"]):
            for name, field in schema.get("properties", {}).items():
                told = field.get("description") or field.get("examples") or field.get("title") == "Note"
                assert told, f"{method} {path}: {name} is neither described nor shown"
    assert bodies >= 6


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_references(document)) <= known


def _schemas(document: dict[str, Any], content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for media in content.values():
        for schema in (media["schema"], *media["schema"].get("anyOf", ())):
            reference = schema.get("$ref", "")
            yield document["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


def _references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for each in part.values():
                yield from _references(each)
        case list():
            for each in part:
                yield from _references(each)
