"""No writing route asks PostgreSQL more often than it does now: each question is a way to another machine and back, most of them with locks held."""

from collections.abc import Iterator

import httpx
import pytest

from app.settings import Settings
from tests.api.conftest import on_postgresql
from tests.api.playing import as_json, ask, digest_of
from tests.api.serving import Served, serving
from tests.instant import InstantWorker
from tests.round_trips import RoundTrips, counting_round_trips

pytestmark = on_postgresql

KNOWN_AFTER = (
    6  # times that a statement was sent over a connection, the server knows it by a name: to name it takes a round trip
)

# With a token and an idempotency key each. One of them reads the token, together with those of others who ask meanwhile.
BUDGET = {
    "release": 12,
    "dry run": 12,
    "job": 10,
    "freeze": 8,
    "pause": 20,
    "approve": 34,
    "cancel": 27,
}


@pytest.fixture
def counted(database_url: str) -> Iterator[RoundTrips]:
    with counting_round_trips(database_url) as seen:
        yield seen


@pytest.fixture
def service(settings: Settings, counted: RoundTrips, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """One that asks but once what is asked anew every few seconds: that tokens are on record, and what the time is."""
    monkeypatch.setattr("app.releases.attested.BELIEVED_SECONDS", 3600.0)
    monkeypatch.setattr("app.database.clock.KEPT_SECONDS", 3600.0)
    with serving(settings.model_copy(update={"database_url": counted.url})) as served:
        yield served


def test_no_route_makes_more_round_trips_than_it_may(
    service: Served, counted: RoundTrips, anna: httpx.Client, waiting: str, worker: InstantWorker
) -> None:
    worker.prepare(queued := ask(anna)["id"])
    asked = {"model": "churn", "job": "job-1"}
    requests: dict[str, tuple[str, object]] = {
        "release": ("/v1/releases", asked),
        "dry run": ("/v1/dry-runs", asked),
        "job": ("/v1/jobs", {"model": "churn", "name": "job-2"}),
        "freeze": ("/v1/freezes", {"model": "churn", "stage": "other", "reason": "So."}),
        "pause": (f"/v1/releases/{queued}/pause", {}),
        "approve": (f"/v1/releases/{waiting}/rollouts/prod/approve", {"plan_digest": digest_of(anna, waiting)}),
        "cancel": (f"/v1/releases/{waiting}/cancel", {}),
    }
    berta = service.client(None)
    token = {"name": "berta", "grants": [{"role": "admin"}], "days": 1}
    berta.headers["Authorization"] = f"Bearer {as_json(anna.post('/v1/tokens', json=token))['secret']}"
    as_json(berta.get("/v1/models"))  # with which the token is on record

    for number in range(KNOWN_AFTER):
        as_json(berta.post("/v1/releases", json=asked, headers={"Idempotency-Key": f"{number}"}))

    made = {}
    for name, (path, body) in requests.items():
        before = counted.count
        as_json(berta.post(path, json=body, headers={"Idempotency-Key": "once"}))
        made[name] = counted.count - before

    assert {name: count for name, count in made.items() if count > BUDGET[name]} == {}
    assert made["release"] == BUDGET["release"], "less is better: then lower the budget"
