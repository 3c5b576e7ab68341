"""SQL and headers in every string that the API takes, found by walking its OpenAPI document; and bodies that are too much."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import inspect

from app.api.receiving import MAX_JSON
from tests.api.conftest import on_sqlite
from tests.api.playing import as_json
from tests.api.serving import Served, problem_of

Json = dict[str, Any]

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE release; --",
    '" OR 1=1 --',
    "x') UNION SELECT id, digest, name FROM api_token --",
    "%' OR model LIKE '%",
)
HEADERS = ("x\r\nSet-Cookie: stolen=1", "x\r\n\r\n<script>stolen</script>", "x%0d%0aSet-Cookie:%20stolen=1")
# Of what exists, so that a request goes as far as its one bad string lets it.
THERE = {
    "release_id": "churn-1",
    "model": "churn",
    "stage": "dev",
    "name": "job-1",
    "job": "job-1",
    "subscription": "00000000-0000-0000-0000-000000000001",
    "resource_group": "rg-ml",
    "workspace": "ws-dev",
    "endpoint": "churn-dev",
}


@dataclass(frozen=True)
class Request:
    """One that carries a payload in one place, and otherwise what the document gives as examples."""

    method: str
    path: str
    place: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Json | None

    def send(self, client: httpx.Client) -> httpx.Response:
        return client.request(self.method, self.path, params=self.query, headers=self.headers, json=self.body)


@pytest.fixture
def document(service: Served) -> Json:
    return as_json(service.client().get("/openapi.json"))


def requests_with(document: Json, payload: str) -> Iterator[Request]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", [])
            body = _example(_body_schema(document, operation), document)
            plain = {each["name"]: THERE.get(each["name"], "1") for each in parameters if each["in"] == "path"}
            for each in parameters:
                name, where = each["name"], each["in"]
                if where == "header" and not payload.isprintable():
                    continue  # a line break in a header is the next header: no client sends it, no server can tell
                named = plain | ({name: payload} if where == "path" else {})
                yield Request(
                    method=method.upper(),
                    path=path.format(**{key: quote(value, safe="") for key, value in named.items()}),
                    place=f"{where} {name}",
                    query={name: payload} if where == "query" else {},
                    headers={name: payload} if where == "header" else {},
                    body=body,
                )
            for place, carrying in _bodies(body, payload):
                yield Request(method.upper(), path.format(**plain), f"body {place}", {}, {}, carrying)


def _body_schema(document: Json, operation: Json) -> Json:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema: Json = _resolved(content.get("schema", {}), document)
    return schema


def _resolved(schema: Json, document: Json) -> Json:
    """The schema behind references and beside ``null``."""
    if "$ref" in schema:
        return _resolved(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return _resolved(next(each for each in schema["anyOf"] if each.get("type") != "null"), document) | {
            key: value for key, value in schema.items() if key != "anyOf"
        }
    return schema


def _example(schema: Json, document: Json, name: str = "") -> Any:
    schema = _resolved(schema, document)
    if name in THERE:
        return THERE[name]
    if "examples" in schema:
        return schema["examples"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: _example(each, document, key) for key, each in properties.items()}
        case "array":
            return [_example(schema["items"], document)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "string":
            return schema.get("enum", ["2026-01-02T18:00:00" if schema.get("format") == "date-time" else "x"])[0]
        case _:
            return None


def _bodies(value: Any, payload: str) -> Iterator[tuple[str, Any]]:
    """The value with one of its strings replaced, for each of them."""
    match value:
        case str():
            yield "", payload
        case dict():
            for key, each in value.items():
                for place, carrying in _bodies(each, payload):
                    yield f"{key} {place}".strip(), {**value, key: carrying}
        case list():
            for number, each in enumerate(value):
                for place, carrying in _bodies(each, payload):
                    yield f"[] {place}".strip(), [*value[:number], carrying, *value[number + 1 :]]


@pytest.mark.parametrize("payload", SQL)
def test_sql_in_any_string_is_a_string(
    service: Served, root: httpx.Client, planned: str, document: Json, payload: str
) -> None:
    tables = sorted(inspect(service.service.database.engine).get_table_names())
    tried = set()

    for request in requests_with(document, payload):
        answer = request.send(root)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        assert "api_token" not in answer.text.replace(payload, ""), f"{request}: {answer.text}"
        if request.place in {"query model", "query job"} and answer.is_success and "audit" not in request.path:
            field = request.place.removeprefix("query ")
            assert {each[field] for each in answer.json()["items"]} <= {payload}, f"{request}: a condition of their own"
        tried.add((request.method, request.path, request.place))

    assert len(tried) > 150
    assert sorted(inspect(service.service.database.engine).get_table_names()) == tables
    assert as_json(root.get("/v1/audit/verify"))["intact"]
    assert as_json(root.get(f"/v1/releases/{planned}"))["id"] == planned


@on_sqlite
@pytest.mark.parametrize("payload", HEADERS)
def test_headers_in_any_string_are_none(root: httpx.Client, planned: str, document: Json, payload: str) -> None:
    assert planned == THERE["release_id"]
    for request in requests_with(document, payload):
        answer = request.send(root)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        assert "set-cookie" not in answer.headers, request
        for name, value in answer.headers.items():
            assert "\r" not in value, f"{request}: {name}"
            assert "\n" not in value, f"{request}: {name}"
        assert not answer.headers["Content-Type"].startswith("text/html"), request


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[" * 200_000, 422), (b'{"a":' * 100_000, 422), (b'{"note": "' + b"x" * MAX_JSON + b'"}', 413)],
    ids=["nested lists", "nested objects", "too long"],
)
def test_body_that_is_too_much_is_refused_by_every_route_that_takes_one(
    root: httpx.Client, planned: str, document: Json, body: bytes, status: int
) -> None:
    assert planned == THERE["release_id"]
    paths = [
        path.format(**{"webhook_id": "w", "token_id": "t", "delivery_id": "1"} | THERE)
        for path, operations in document["paths"].items()
        if _body_schema(document, operations.get("post", {}))
    ]
    assert len(paths) >= 10
    for path in paths:
        refused = root.post(path, content=body, headers={"Content-Type": "application/json"})
        problem = problem_of(refused, status, "request_too_large" if status == 413 else "malformed")
        assert len(problem["detail"]) < 1000, path
