"""What the serving record is asked for: what serves, served, and may be gone back to."""

from datetime import timedelta

import pytest

from app.database.connection import Database
from app.planning.observed import DeploymentFacts, Observed
from app.planning.plan import Replaced
from app.serving.queries import (
    deployed_at,
    history,
    replaced_at,
    serving_now,
    serving_since,
    serving_when,
)
from tests.serving.observing import BLUE, NOW, TARGET, observe

R1, R2, R3 = (
    DeploymentFacts(name=f"r{n}-abcd", release=f"churn-{n}", model=f"azureml:churn:{n}", digest=f"sha256:{n}")
    for n in (1, 2, 3)
)


@pytest.fixture
def record(database: Database) -> Database:
    """By the minute: blue, r1, r2 beside r1, r2 alone, r1 again."""
    observe(database, Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,)), minutes=0)
    observe(database, Observed(traffic={"r1-abcd": 100}, deployments=(R1,)), minutes=1)
    observe(database, Observed(traffic={"r1-abcd": 90, "r2-abcd": 10}, deployments=(R2,)), minutes=2)
    observe(database, Observed(traffic={"r2-abcd": 100}), minutes=3)
    observe(database, Observed(traffic={"r1-abcd": 100}, mirror={"r2-abcd": 5}), minutes=4)
    return database


def test_what_served_is_known_of_every_moment(record: Database) -> None:
    with record.read() as session:
        at = [
            serving_when(session, TARGET, NOW + timedelta(seconds=60 * minute)) for minute in (-1, 0, 1.99, 2, 2.5, 9)
        ]
        now = serving_now(session, TARGET)

    assert [[(each.deployment, each.weight) for each in shares] for shares in at] == [
        [],
        [("blue", 100)],
        [("r1-abcd", 100)],
        [("r1-abcd", 90), ("r2-abcd", 10)],
        [("r1-abcd", 90), ("r2-abcd", 10)],
        [("r1-abcd", 100), ("r2-abcd", 0)],
    ]
    assert [each.id for each in at[-1]] == [each.id for each in now]


def test_history_comes_in_pages(record: Database) -> None:
    with record.read() as session:
        first = history(session, TARGET, limit=3)
        rest = history(session, TARGET, before=first[-1].id, limit=100)

    assert [(each.deployment, each.weight, each.mirror) for each in [*first, *rest]] == [
        ("r2-abcd", 0, 5),
        ("r1-abcd", 100, 0),
        ("r2-abcd", 100, 0),
        ("r2-abcd", 10, 0),
        ("r1-abcd", 90, 0),
        ("r1-abcd", 100, 0),
        ("blue", 100, 0),
    ]


def test_since_when_a_release_serves_without_a_break(record: Database) -> None:
    with record.read() as session:
        since = [serving_since(session, TARGET, f"churn-{n}") for n in (1, 2, 3)]
    assert since == [NOW + timedelta(minutes=4), None, None]

    observe(record, Observed(traffic={"r1-abcd": 60, "r2-abcd": 40}), minutes=5)
    observe(record, Observed(traffic={"r1-abcd": 1, "r2-abcd": 99}), minutes=6)
    with record.read() as session:
        since = [serving_since(session, TARGET, f"churn-{n}") for n in (1, 2)]
    assert since == [NOW + timedelta(minutes=4), NOW + timedelta(minutes=5)]


def test_a_plan_replaces_what_has_most_of_the_traffic_and_is_not_its_own(record: Database) -> None:
    one = Replaced(deployment="r1-abcd", release="churn-1", plan=None, model="azureml:churn:1")
    with record.read() as session:
        assert replaced_at(session, TARGET, by="r9-abcd") == one
        assert replaced_at(session, TARGET, by="r1-abcd", before=one) == one
        assert replaced_at(session, TARGET, by="r1-abcd") is None

    observe(record, Observed(traffic={"r3-abcd": 90, "blue": 10}, deployments=(R3,)), minutes=5)
    foreign = Replaced(deployment="blue", release=None, plan=None, model="azureml:churn:1")
    with record.read() as session:
        assert replaced_at(session, TARGET, by="r3-abcd", before=one) == foreign

    observe(record, Observed(traffic={}, mirror={}), minutes=6)
    with record.read() as session:
        assert replaced_at(session, TARGET, by="r3-abcd", before=one) is None


def test_what_is_there_is_known_with_and_without_traffic(record: Database) -> None:
    observe(record, Observed(gone=("blue",)), minutes=5)
    with record.read() as session:
        assert [each.name for each in deployed_at(session, TARGET)] == ["r1-abcd", "r2-abcd"]
