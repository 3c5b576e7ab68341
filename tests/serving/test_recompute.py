"""The audit says where the serving record is not what the events say."""

import pytest
from sqlalchemy import text

from app.database.connection import Database
from app.planning.observed import Observed
from app.releases.audit import Anchor
from app.releasing.auditing import verify
from tests.serving.observing import BLUE, R1, observe

TAMPERED = {
    "weight": "UPDATE traffic_share SET weight = 50 WHERE id = 2",
    "release": "UPDATE traffic_share SET release_id = 'churn-9' WHERE id = 2",
    "digest": "UPDATE traffic_share SET model_digest = 'sha256:9' WHERE id = 3",
    "beginning": "UPDATE traffic_share SET from_at = '2020-01-01 00:00:00+00:00' WHERE id = 3",
    "end": "UPDATE traffic_share SET to_at = '2026-11-27 13:00:00+00:00' WHERE id = 1",
    "event": "UPDATE traffic_share SET from_event = 1 WHERE id = 3",
    "removed": "DELETE FROM traffic_share WHERE id = 1",
    "added": "INSERT INTO traffic_share (target, deployment, weight, mirror, from_at) "
    "VALUES ('a/b/c/d', 'green', 100, 0, '2026-01-01 00:00:00+00:00')",
}


@pytest.fixture
def record(database: Database) -> Database:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)))
    observe(database, Observed(traffic={"blue": 90, "r1-abcd": 10}, mirror={}, deployments=(R1,)), minutes=1)
    observe(database, Observed(traffic={"blue": 90}, mirror={"r1-abcd": 10}), minutes=2)
    return database


def why(database: Database) -> str | None:
    verdict = verify(database)
    assert verdict.intact == (verdict.why is None)
    return verdict.why


def test_rows_are_what_the_events_say(record: Database) -> None:
    assert why(record) is None


@pytest.mark.parametrize("how", TAMPERED)
def test_rows_that_were_changed_past_the_service_are_named(record: Database, how: str) -> None:
    with record.write() as session:
        session.connection().execute(text(TAMPERED[how]))

    said = why(record)
    assert said is not None
    assert "traffic" in said


def test_what_was_written_upon_changed_rows_is_named_too(record: Database) -> None:
    with record.write() as session:
        session.connection().execute(text("UPDATE traffic_share SET weight = 50 WHERE weight = 90"))
    observe(record, Observed(traffic={"r1-abcd": 100}, mirror={}), minutes=3)

    assert why(record) == "Event 4 ends other shares of sub/rg/ws/churn-prod than the events before it had begun."


@pytest.mark.parametrize("how", sorted(TAMPERED.keys() - {"end", "removed"}))
def test_rows_that_were_changed_since_an_event_was_noted_are_named(record: Database, how: str) -> None:
    with record.read() as session:
        first = session.connection().execute(text("SELECT seq, hash FROM event ORDER BY seq LIMIT 1")).one()
    since = Anchor(*first)
    assert verify(record, since=since).intact

    with record.write() as session:
        session.connection().execute(text(TAMPERED[how]))

    found = verify(record, since=since)
    assert not found.intact
    assert "share" in str(found.why)
