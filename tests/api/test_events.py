"""The timeline of a release, in pages and as a stream."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.api import events as events_module
from tests.api.conftest import on_sqlite
from tests.api.playing import as_json, ask
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker
from tests.waiting import wait_until

STREAM = {"Accept": "text/event-stream"}
KEEP_ALIVE = "keep-alive"


@dataclass(frozen=True)
class Message:
    id: int
    event: str
    data: dict[str, Any]


class Stream:
    """What a browser's EventSource makes of the lines, read in a thread of its own."""

    def __init__(self, answer: httpx.Response) -> None:
        self.messages: list[Message] = []
        self.comments: list[str] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(answer,), daemon=True)
        self._thread.start()

    @property
    def ids(self) -> list[int]:
        return [message.id for message in self.messages]

    @property
    def events(self) -> list[str]:
        return [message.event for message in self.messages]

    def _read(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        try:
            for line in answer.iter_lines():
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    self.messages.append(Message(int(fields["id"]), fields["event"], json.loads(fields["data"])))
                    fields = {}
        except (httpx.StreamClosed, httpx.ReadError):
            pass
        self.ended.set()


@contextmanager
def streaming(client: httpx.Client, release: str, **headers: str) -> Iterator[Stream]:
    path = f"/v1/releases/{release}/events"
    with client.stream("GET", path, headers={**STREAM, **headers}, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        yield Stream(answer)


def pages(client: httpx.Client, path: str, *, limit: int) -> Iterator[list[dict[str, Any]]]:
    after = "0"
    while after is not None:
        page = as_json(client.get(path, params={"after": after, "limit": limit}))
        yield page["items"]
        after = page["next"]


def test_pages_hold_every_event_once_in_order(anna: httpx.Client, waiting: str) -> None:
    whole = as_json(anna.get(f"/v1/releases/{waiting}/events", params={"limit": 200}))

    found = list(pages(anna, f"/v1/releases/{waiting}/events", limit=4))

    assert [event for page in found for event in page] == whole["items"]
    assert all(len(page) == 4 for page in found[:-1])
    seqs = [event["seq"] for event in whole["items"]]
    assert seqs == sorted(set(seqs))
    assert whole["items"][0]["kind"] == "release.created"
    assert whole["items"][-1]["kind"] == "release.pending_approval"
    assert whole["next"] is None


def test_page_after_an_event_begins_with_the_next(anna: httpx.Client, waiting: str) -> None:
    events = as_json(anna.get(f"/v1/releases/{waiting}/events"))["items"]

    rest = as_json(anna.get(f"/v1/releases/{waiting}/events", params={"after": events[2]["seq"]}))["items"]

    assert rest == events[3:]


def test_everything_that_happened_is_one_timeline(anna: httpx.Client, waiting: str) -> None:
    ask(anna)

    events = [event for page in pages(anna, "/v1/events", limit=5) for event in page]

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "model.applied"
    assert {event["release"] for event in events} == {None, waiting, "churn-2"}


def test_event_says_who_asked_and_under_which_request(anna: httpx.Client, churn: str) -> None:
    anna.post("/v1/releases", json={"model": churn, "job": "j"}, headers={"X-Request-Id": "req-1"})

    event = as_json(anna.get("/v1/events"))["items"][-1]

    assert (event["actor"], event["via"], event["request_id"]) == ("anna", "api", "req-1")


def test_stream_tells_everything_in_order_and_ends_with_the_release(
    anna: httpx.Client, planned: str, worker: InstantWorker
) -> None:
    with streaming(anna, planned) as stream:
        wait_until(lambda: len(stream.messages) >= 4, what="what happened before is told")
        assert not stream.ended.is_set()
        with worker.under_way(planned, "dev") as running:
            wait_until(lambda: "step.running" in stream.events, what="the step is told of")
            running.refuse()
        wait_until(stream.ended.is_set, what="the stream ends")

    events = as_json(anna.get(f"/v1/releases/{planned}/events", params={"limit": 200}))["items"]
    assert [message.data for message in stream.messages] == events
    assert stream.ids == [event["seq"] for event in events]
    assert stream.messages[-1].event == "release.failed"


def test_stream_goes_on_after_the_last_event_that_was_seen(
    anna: httpx.Client, planned: str, worker: InstantWorker
) -> None:
    with streaming(anna, planned) as before:
        wait_until(lambda: len(before.messages) >= 3, what="some events are told")
    last = before.ids[2]
    worker.complete(planned, "dev")

    with streaming(anna, planned, **{"Last-Event-ID": str(last)}) as after:
        wait_until(
            lambda: after.messages and after.messages[-1].event == "release.pending_approval", what="the rest is told"
        )
        anna.post(f"/v1/releases/{planned}/rollouts/prod/reject", json={"reason": "No."})
        wait_until(after.ended.is_set, what="the stream ends")

    events = as_json(anna.get(f"/v1/releases/{planned}/events", params={"limit": 200}))["items"]
    assert before.ids[:3] + after.ids == [event["seq"] for event in events]


def test_stream_broken_again_and_again_has_no_gap_and_nothing_twice(
    anna: httpx.Client, planned: str, worker: InstantWorker
) -> None:
    def work() -> None:
        with worker.under_way(planned, "dev") as running:
            for number in range(25):
                running.report(f"At {number}.")
            running.refuse()

    working = threading.Thread(target=work)
    working.start()
    seen: list[int] = []
    ended = False
    while not ended:
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        with streaming(anna, planned, **headers) as stream:
            wait_until(lambda s=stream: s.ended.is_set() or len(s.messages) >= 5, what="some events, or the end")  # type: ignore[misc] # bound now
            ended = stream.ended.is_set()
        seen += stream.ids if ended else stream.ids[:5]
    working.join()

    events = as_json(anna.get(f"/v1/releases/{planned}/events", params={"limit": 200}))["items"]
    assert seen == [event["seq"] for event in events]


def test_stream_of_an_ended_release_tells_all_and_ends(anna: httpx.Client, release: str, worker: InstantWorker) -> None:
    worker.prepare_in_vain(release)

    answer = anna.get(f"/v1/releases/{release}/events", headers=STREAM)

    assert [line for line in answer.text.splitlines() if line.startswith("event: ")] == [
        "event: release.created",
        "event: release.checked",
        "event: release.failed",
    ]


@on_sqlite
def test_quiet_stream_is_kept_alive(
    anna: httpx.Client, planned: str, worker: InstantWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEEP_ALIVE_SECONDS", 0.1)

    with streaming(anna, planned) as stream:
        wait_until(lambda: len(stream.comments) >= 3, what="some signs of life")
        assert not stream.ended.is_set()
        worker.complete(planned, "dev")
        wait_until(lambda: "release.in_progress" in stream.events, what="a change is still told")


@on_sqlite
def test_stream_whose_reader_has_gone_is_forgotten(
    anna: httpx.Client, planned: str, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEEP_ALIVE_SECONDS", 0.1)

    with streaming(anna, planned):
        wait_until(lambda: service.waiting == 1, what="the stream waits")

    wait_until(lambda: service.waiting == 0, what="nobody waits any more")


@on_sqlite
@pytest.mark.parametrize("number", ["-1", "x", "9" * 5000, "1.5", "99999999999"])
def test_number_that_is_no_event_is_refused(anna: httpx.Client, release: str, number: str) -> None:
    path = f"/v1/releases/{release}/events"

    problem_of(anna.get(path, headers={**STREAM, "Last-Event-ID": number}), 422, "last_event_id_invalid")
    problem_of(anna.get(path, params={"after": number}), 422, "malformed")
    problem_of(anna.get("/v1/events", params={"after": number}), 422, "malformed")
