"""The serving record says what Azure showed: each share from when to when, and the events say the same."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from app.database.connection import Database
from app.events.tables import Event
from app.planning.observed import EndpointFacts, Observed
from app.serving.earlier import last_found_at
from app.serving.queries import serving_since
from app.serving.service import TRAFFIC_CHANGED
from app.serving.tables import Deployed, StoredTarget, TrafficShare
from tests.guardrails.conftest import plain_logs, platform, service, settings
from tests.guardrails.playing import Platform, stage
from tests.serving.observing import BLUE, NOW, R1, TARGET, observe

__all__ = ["plain_logs", "platform", "service", "settings"]


def shares(database: Database) -> list[tuple[str, str | None, int, int, int, int | None]]:
    """Deployment, release, weight, mirror, and from which minute to which."""

    def minute(at: datetime | None) -> int | None:
        return None if at is None else int((at - NOW).total_seconds() // 60)

    with database.read() as session:
        rows = session.exec(select(TrafficShare).order_by(col(TrafficShare.id))).all()
    return [(r.deployment, r.release_id, r.weight, r.mirror, minute(r.from_at) or 0, minute(r.to_at)) for r in rows]


def events(database: Database) -> list[Event]:
    with database.read() as session:
        return list(session.exec(select(Event).where(Event.kind == TRAFFIC_CHANGED).order_by(col(Event.seq))).all())


def test_each_share_has_a_beginning_and_an_end(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)))
    observe(database, Observed(deployments=(R1,)), minutes=1)
    observe(database, Observed(traffic={"blue": 90, "r1-abcd": 10}, mirror={}), minutes=2)
    observe(database, Observed(traffic={"blue": 0, "r1-abcd": 100}, mirror={}), minutes=3)

    assert shares(database) == [
        ("blue", None, 100, 0, 0, 2),
        ("blue", None, 90, 0, 2, 3),
        ("r1-abcd", "churn-1", 10, 0, 2, 3),
        ("r1-abcd", "churn-1", 100, 0, 3, None),
    ]


def test_a_canary_that_was_taken_back_leaves_what_served_as_it_was(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)))
    observe(database, Observed(deployments=(R1,)))
    observe(database, Observed(traffic={"blue": 100}, mirror={"r1-abcd": 20}), minutes=1)
    observe(database, Observed(traffic={"blue": 75, "r1-abcd": 25}, mirror={}), minutes=2)
    observe(database, Observed(traffic={"blue": 100}, mirror={}), minutes=3)

    assert shares(database) == [
        ("blue", None, 100, 0, 0, 2),
        ("r1-abcd", "churn-1", 0, 20, 1, 2),
        ("blue", None, 75, 0, 2, 3),
        ("r1-abcd", "churn-1", 25, 0, 2, 3),
        ("blue", None, 100, 0, 3, None),
    ]
    for event in events(database):
        assert sum(each["weight"] for each in event.data["after"]) == 100
    with database.read() as session:
        assert last_found_at(session, TARGET) is None  # what has all of the traffic now is nothing to go back to
        assert serving_since(session, TARGET, "churn-1") is None


def test_rows_carry_the_numbers_of_the_events_that_began_and_ended_them(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)))
    observe(database, Observed(traffic={}, mirror={}), minutes=1)

    begun, ended = events(database)
    with database.read() as session:
        row = session.exec(select(TrafficShare)).one()
    assert (row.from_event, row.to_event) == (begun.seq, ended.seq)
    assert begun.data["after"] == ended.data["before"]
    assert begun.data["after"][0] == {
        "deployment": "blue",
        "release_id": None,
        "model_version": "azureml:churn:1",
        "model_digest": None,
        "weight": 100,
        "mirror": 0,
    }


def test_the_same_again_is_no_change(database: Database) -> None:
    for minutes in range(3):
        observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)), minutes=minutes)

    assert shares(database) == [("blue", None, 100, 0, 0, None)]
    assert len(events(database)) == 1


def test_mirror_traffic_is_a_share_too(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={"r1-abcd": 20}, deployments=(BLUE, R1)))

    assert shares(database) == [("blue", None, 100, 0, 0, None), ("r1-abcd", "churn-1", 0, 20, 0, None)]


def test_what_is_gone_is_there_no_more_and_has_no_share(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE, R1)))
    observe(database, Observed(gone=("r1-abcd", "blue", "never-there")), minutes=5)

    with database.read() as session:
        rows = session.exec(select(Deployed).order_by(Deployed.name)).all()
    assert [(row.name, row.until) for row in rows] == [
        ("blue", NOW + timedelta(minutes=5)),
        ("r1-abcd", NOW + timedelta(minutes=5)),
    ]
    assert shares(database) == [("blue", None, 100, 0, 0, 5)]


def test_what_a_killed_attempt_has_deleted_already_is_no_more(database: Database) -> None:
    """The attempt after it finds only what is left: it names all of that, and others' are never taken for deleted."""
    r2 = R1.model_copy(update={"name": "r2-abcd", "release": "churn-2"})
    observe(database, Observed(traffic={"r2-abcd": 100}, mirror={"r1-abcd": 10}, deployments=(BLUE, R1, r2)))
    observe(database, Observed(there=("r2-abcd",)), minutes=1)

    with database.read() as session:
        rows = session.exec(select(Deployed).order_by(Deployed.name)).all()
    assert {row.name: row.until is None for row in rows} == {"blue": True, "r1-abcd": False, "r2-abcd": True}
    assert shares(database) == [("r1-abcd", "churn-1", 0, 10, 0, 1), ("r2-abcd", "churn-2", 100, 0, 0, None)]


def test_another_one_of_the_same_name_is_another_one(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)))
    mine = R1.model_copy(update={"name": "blue"})
    observe(database, Observed(deployments=(mine,)), minutes=1)

    assert shares(database) == [("blue", None, 100, 0, 0, 1), ("blue", "churn-1", 100, 0, 1, None)]
    with database.read() as session:
        rows = session.exec(select(Deployed).order_by(col(Deployed.id))).all()
    assert [(row.release_id, row.until is None) for row in rows] == [(None, False), ("churn-1", True)]


def test_what_an_observation_does_not_say_stays(database: Database) -> None:
    endpoint = EndpointFacts(name="churn-prod", location="westeurope", auth_mode="key")
    observe(database, Observed(endpoint=endpoint))
    observe(database, Observed(traffic={"blue": 100}, deployments=(BLUE,)), minutes=1)
    observe(database, Observed(mirror={"blue": 0}), minutes=2)

    with database.read() as session:
        target = session.exec(select(StoredTarget)).one()
    assert EndpointFacts.model_validate(target.endpoint) == endpoint
    assert (target.model, target.stage, target.since) == ("churn", "prod", NOW)
    assert shares(database) == [("blue", None, 100, 0, 1, None)]


@pytest.mark.parametrize("releases", [1, 2])
def test_a_release_that_gets_through_is_on_record(platform: Platform, releases: int) -> None:
    platform.apply(stage())
    for _ in range(releases):
        platform.released()

    with platform.worker.database.read() as session:
        serving = session.exec(select(TrafficShare).where(col(TrafficShare.to_at).is_(None))).all()
        ended = session.exec(select(TrafficShare).where(col(TrafficShare.to_at).is_not(None))).all()
    assert [(each.release_id, each.weight) for each in serving] == [(f"churn-{releases}", 100)]
    assert len(ended) == releases - 1


def test_endpoint_that_was_made_anew_has_nothing_of_what_was_there(database: Database) -> None:
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE, R1)))
    observe(database, Observed(traffic={}, mirror={}, is_empty=True), minutes=1)

    with database.read() as session:
        left = session.exec(select(Deployed).where(col(Deployed.until).is_(None))).all()
    assert left == []
    assert shares(database) == [("blue", None, 100, 0, 0, 1)]
