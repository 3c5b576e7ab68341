"""No request breaks the emulator: whatever comes in, what goes out is an answer or a refusal as Azure's."""

import copy
import itertools
import os
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulator.requests_to_mutate import REQUESTS, W
from tests.emulator.running import RunningEmulator

EXAMPLES = min(int(os.environ.get("MLRELEASE_FUZZ", "0")), 3000) or 250
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)

odd_texts = st.sampled_from(
    ["", " ", "a", "x" * 300, "\x00", "a\nb", "\x1f", "é€", "..", "../..", "/", ":", "azureml:", "azureml:a", "azureml:a:1", "azureml:a@latest",
     "azureml://", "azureml://jobs/a", "azureml://jobs/a/outputs", "azureml://jobs/a/outputs/b/paths/", "azureml://datastores/x/paths/y", "azureml://registries/reg-shared/models/a/versions/1",
     f"{W}/models/a/versions/1", f"{W}/models", "/subscriptions", "/subscriptions/a", "https://", "http://[", "https://127.0.0.1:1/a", "${{", "${{inputs.a}}", "${{parent.jobs.n.outputs.o}}",
     "PT", "PT5S", "P1D", "-PT5S", "PT1e9S", "1", "-1", "true", "null", "latest", "dependencies: [", "dependencies: {pip: 1}", "dependencies: [{pip: x}]", "dependencies: [1, null, {pip: [1, null]}]", "&a [*a]", "2020-01-01"]
) | st.text(max_size=8)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([10**30, -1e300, 1.5]) | odd_texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3), max_leaves=6
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *itertools.chain.from_iterable(places(each, (*path, key)) for key, each in inner)]


@st.composite
def mutated_requests(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A full request in which one to three values are something else, or gone."""
    method, path, body = draw(st.sampled_from(REQUESTS))
    box = [copy.deepcopy(body)]
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(places(box)[1:]))
        parent: Any = box
        for key in above:
            parent = parent[key]
        if isinstance(parent, dict) and draw(st.integers(0, 4)) == 0:
            del parent[last]
        else:
            parent[last] = draw(values)
    return method, path, box[0]


segments = st.sampled_from([*{each for _, path, _ in REQUESTS for each in path.split("?")[0].split("/") if each},
                            "providers", "subscriptions", "versions", "inference", "blob", "discovery", "details", "children", "metrics",
                            "Microsoft.Authorization", "permissions", "listKeys", "token", "latest", "labels"]) | st.text(max_size=6)  # fmt: skip
queries = st.dictionaries(
    st.sampled_from(["api-version", "$skip", "$top", "count", "hash", "comp", "restype", "$orderBy", "listViewType", "marker", "maxresults", "prefix", "run_id", "metric_key", "sv", "se", "sig", "name"]),
    odd_texts, max_size=3,
)  # fmt: skip


@st.composite
def odd_paths(draw: st.DrawFn) -> str:
    """A known path that is cut, longer, or has other words in it."""
    parts: list[str] = draw(st.sampled_from(REQUESTS))[1].split("?")[0].strip("/").split("/")
    parts = parts[: draw(st.integers(0, len(parts)))] if draw(st.booleans()) else list(parts)
    for _ in range(draw(st.integers(0, 2))):
        if parts:
            parts[draw(st.integers(0, len(parts) - 1))] = draw(segments)
    parts += draw(st.lists(segments, max_size=2))
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in draw(queries).items())
    return "/" + "/".join(quote(part, safe="") for part in parts) + ("?" + query if query else "")


@fuzzed
@given(request=mutated_requests())
def test_a_request_that_is_nearly_right_breaks_nothing(azure: RunningEmulator, request: tuple[str, str, Any]) -> None:
    method, path, body = request

    assert_answered(azure, method, path, json=body)


@fuzzed
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONE"]),
    path=odd_paths(),
    content=st.sampled_from([b"", b"{", b"[]", b"{}", b"\xff", b"null", b'{"a": NaN}', b'{"a": 1e999}', b'"\\ud800"', b"[" * 100_000, b"9" * 10_000]),
    with_token=st.booleans(),
)  # fmt: skip
def test_an_odd_path_breaks_nothing(
    azure: RunningEmulator, method: str, path: str, content: bytes, with_token: bool
) -> None:
    assert_answered(azure, method, path, content=content, with_token=with_token)


def assert_answered(azure: RunningEmulator, method: str, path: str, *, with_token: bool = True, **what: Any) -> None:
    # A connection each: one that waits for the next made-up request may be closed meanwhile.
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if with_token:
        own = path.startswith("/emulator/")
        headers |= azure.control_headers if own else {"Authorization": f"Bearer {token(azure)}"}
    answer = azure.client.request(method, azure.base_url + path, headers=headers, **what)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD" and is_arm(path):
        error = answer.json()["error"]
        assert error["code"]
        assert error["message"]


def is_arm(path: str) -> bool:
    """Storage answers in XML, MLflow in words of its own, a scoring address in plain text."""
    return path.startswith(("/subscriptions/", "/mferp/"))


_tokens: dict[str, str] = {}


def token(azure: RunningEmulator) -> str:
    if azure.base_url not in _tokens:
        _tokens[azure.base_url] = azure.token()
    return _tokens[azure.base_url]
