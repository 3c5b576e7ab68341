"""The trace that a request belongs to goes through the queue, as an argument of the workflow."""

import re

import httpx
import pytest

from tests.api.playing import apply, approve, as_json, ask, definition
from tests.instant import InstantWorker
from tests.traces import OTHER_TRACE, TRACE, traces

IDS = f"{'a' * 32}-{'b' * 16}"
NEW = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00")

INVALID = {
    "empty": "",
    "text": "my-trace",
    "no flags": f"00-{IDS}",
    "flags of one digit": f"00-{IDS}-1",
    "capital letters": f"00-{IDS}-01".upper(),
    "no digit of sixteen": f"00-{'g' * 32}-{'b' * 16}-01",
    "trace of zeros": f"00-{'0' * 32}-{'b' * 16}-01",
    "parent of zeros": f"00-{'a' * 32}-{'0' * 16}-01",
    "version ff": f"ff-{IDS}-01",
    "more than version 00 has": f"00-{IDS}-01-what",
    "newer version without its dash": f"01-{IDS}-01what",
    "something before": f"x00-{IDS}-01",
    "two in one": f"00-{IDS}-01, 00-{IDS}-01",
    "very long": f"00-{'a' * 10_000}-{'b' * 16}-01",
    "other digits": f"00-{'a' * 31}²-{'b' * 16}-01",
}


def request_release(client: httpx.Client, *traceparents: str) -> str:
    """The id of a new release that was asked for with these headers."""
    headers = [(b"traceparent", each.encode("latin-1")) for each in traceparents]
    release: str = as_json(client.post("/v1/releases", json={"model": "churn", "job": "job-1"}, headers=headers))["id"]
    return release


def trace_of(worker: InstantWorker, subject: str) -> str | None:
    """Of the workflow about it."""
    return dict(traces(worker.database))[subject]


def test_trace_of_the_header_is_the_workflows(anna: httpx.Client, churn: str, worker: InstantWorker) -> None:
    asked = {"model": churn, "job": "job-1"}
    release = as_json(anna.post("/v1/releases", json=asked, headers={"traceparent": TRACE}))["id"]
    run = as_json(anna.post("/v1/dry-runs", json=asked, headers={"traceparent": OTHER_TRACE}))["id"]

    assert traces(worker.database) == [(release, TRACE), (run, OTHER_TRACE)]


@pytest.mark.usefixtures("churn")
def test_unsampled_trace_stays_unsampled(anna: httpx.Client, worker: InstantWorker) -> None:
    release = request_release(anna, f"00-{IDS}-00")
    assert trace_of(worker, release) == f"00-{IDS}-00"


@pytest.mark.usefixtures("churn")
def test_newer_version_is_read_as_the_one_that_is_known(anna: httpx.Client, worker: InstantWorker) -> None:
    release = request_release(anna, f"cc-{IDS}-ff-what-comes")
    assert trace_of(worker, release) == f"00-{IDS}-01"


@pytest.mark.parametrize("sent", [pytest.param(value, id=name) for name, value in INVALID.items()])
@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.usefixtures("churn")
def test_invalid_header_is_ignored(anna: httpx.Client, worker: InstantWorker, sent: str) -> None:
    release = request_release(anna, sent)

    new = trace_of(worker, release)
    assert new is not None
    assert NEW.fullmatch(new)


@pytest.mark.parametrize("sent", [(), (TRACE, OTHER_TRACE), (TRACE, TRACE)], ids=["none", "two", "the same twice"])
@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.usefixtures("churn")
def test_each_request_without_one_header_gets_a_trace_of_its_own(
    anna: httpx.Client, worker: InstantWorker, sent: tuple[str, ...]
) -> None:
    releases = [request_release(anna, *sent) for _ in range(2)]

    new = {trace_of(worker, release) for release in releases}
    assert len(new) == 2
    assert all(each is not None and NEW.fullmatch(each) for each in new)


def test_rollout_of_each_stage_goes_on_in_the_trace_of_the_request(anna: httpx.Client, worker: InstantWorker) -> None:
    assert apply(anna, definition(approval="none")).status_code == 201
    release = ask(anna)["id"]
    traced = InstantWorker(worker.context.settings, worker.database)
    traced.context = traced.context.in_trace(TRACE)

    traced.prepare(release)
    traced.complete(release, "dev")

    (dev, one), (prod, two) = traces(worker.database)[1:]
    assert (one, two) == (TRACE, TRACE)
    assert dev != prod


def test_deciding_vote_queues_in_its_own_trace(anna: httpx.Client, waiting: str, worker: InstantWorker) -> None:
    anna.headers["traceparent"] = OTHER_TRACE
    assert as_json(approve(anna, waiting))["status"] == "queued"

    assert traces(worker.database)[-1][1] == OTHER_TRACE
