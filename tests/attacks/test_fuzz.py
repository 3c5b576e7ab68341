"""The whole OpenAPI document taken at its word, by every role: no answer is a 5xx, and none is other than documented.

``MLRELEASE_FUZZ=3000`` sets how many requests are sent; without it as many as a test run can wait for.
"""

import math
import os
from collections import Counter
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS as KNOWN
from schemathesis.core.result import Ok

from app.identity.roles import Role
from tests.api.conftest import on_sqlite
from tests.api.serving import Served
from tests.identity.conftest import As

CASES = int(os.environ.get("MLRELEASE_FUZZ", "600"))
WHO = (None, *Role)


@schemathesis.serializer("application/gzip")
def _as_it_is(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Of a bundle: mostly no archive at all."""
    return value if isinstance(value, bytes) else str(value).encode()


CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


@on_sqlite
@pytest.mark.parametrize("role", WHO)
def test_answers_are_those_that_are_documented(
    service: Served,
    bearer: As,
    holder: As,
    planned: str,  # noqa: ARG001 - there is something to be found
    role: Role | None,
) -> None:
    document = service.client().get("/openapi.json").json()
    _point_at_what_there_is(document)
    schema = schemathesis.openapi.from_dict(document)
    checks: Any = KNOWN.get_by_names(CHECKS)  # known once a document has been read
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == sum(len(path) for path in document["paths"].values())
    each = math.ceil(CASES / len(WHO) / len(operations))
    caller = bearer() if role is None else holder(role.value)
    statuses = Counter[int]()

    for operation in operations:

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )
        def one_call(case: schemathesis.Case[Any]) -> None:
            answer = _send(caller, case)
            statuses[answer.status_code] += 1
            case.validate_response(schemathesis.Response.from_httpx(answer, verify=True), checks=checks)

        try:
            one_call()
        except Unsatisfiable:
            pytest.fail(f"no request could be made up for {operation.label}")

    print(f"\n{role}: {sum(statuses.values())} requests: {dict(sorted(statuses.items()))}")  # noqa: T201 - the figure is wanted
    assert sum(statuses.values()) >= len(operations)
    if role is None:
        assert set(statuses) <= {200, 304, 401, 404, 405, 413, 422}, statuses


def _send(caller: httpx.Client, case: schemathesis.Case[Any]) -> httpx.Response:
    given: dict[str, Any] = case.as_transport_kwargs(base_url=str(caller.base_url).rstrip("/"))
    for unused in ("cookies", "auth"):
        given.pop(unused, None)
    headers = {name: value for name, value in given.pop("headers").items() if name.lower() != "authorization"}
    return caller.request(**given, headers=headers)


def _point_at_what_there_is(document: dict[str, Any]) -> None:
    """Half of the made-up names are those of things that exist: behind a 404 nothing is tried."""
    there = {"release_id": "churn-1", "model": "churn", "stage": "dev", "name": "job-1"}
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                known = there.get(parameter["name"]) if parameter["in"] == "path" else None
                if known is not None:
                    parameter["schema"] = {"anyOf": [{"const": known}, parameter["schema"]]}
