"""What one database refused and the other took: both take it now, and give the same back."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.database.connection import Database
from app.database.storable import DEEPEST, LARGEST, storable_json, storable_text
from app.errors import Invalid, Unavailable
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.jobs.tables import TrainingJob
from app.releasing.auditing import verify

NOW = datetime(2026, 3, 1, tzinfo=UTC)

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**400)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def store(database: Database, **fields: Any) -> TrainingJob:
    """A job with these fields, read back."""
    with database.write() as session:
        job = TrainingJob(
            **{
                "subscription": "s",
                "resource_group": "g",
                "workspace": "w",
                "name": f"job-{len(session.exec(select(TrainingJob)).all())}",
                "status": "Running",
                "code": "running",
                "sentence": "Running.",
                "recorded_by": "ana",
                "created_at": NOW,
                **fields,
            }
        )
        session.add(job)
        session.flush()
        number = job.id
    with database.read() as session:
        return session.get_one(TrainingJob, number)


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (1e16, 10**16),
        (1e300, "1e+300"),
        (10**30, str(10**30)),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ({"\0": 1}, {"\N{REPLACEMENT CHARACTER}": 1}),
        (NOW, "2026-03-01T00:00:00+00:00"),
        ({1: {True: None}}, {"1": {"true": None}}),
    ],
)
def test_value_is_kept_visibly_and_the_same_on_both_databases(database: Database, value: Any, back: Any) -> None:
    assert store(database, metrics={"value": value}).metrics == {"value": back}


def test_json_that_is_nested_too_deep_is_cut(database: Database) -> None:
    kept = json.dumps(store(database, metrics={"deep": nested(5000)}).metrics)

    assert f"nested deeper than {DEEPEST} levels" in kept


def test_text_that_cannot_be_stored_is_kept_without_it(database: Database) -> None:
    job = store(database, sentence="a\0b\udfffc")

    assert job.sentence == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    with database.read() as session:  # nobody has such a name, and asking for one breaks nothing
        assert session.exec(select(TrainingJob).where(TrainingJob.name == "\0\ud800")).first() is None


def test_number_that_no_column_holds_is_refused_the_same(database: Database) -> None:
    with pytest.raises(Invalid) as refused, database.read() as session:
        session.exec(select(TrainingJob).where(TrainingJob.id == LARGEST + 1)).first()

    assert refused.value.code == "number_too_large"


def test_what_postgresql_calls_operational_but_is_too_much_is_not_waited_for(
    database: Database, database_kind: str
) -> None:
    """An index entry of more than 2,704 bytes: a writer that takes it for an outage waits for ever."""
    incompressible = "".join(chr(0x4E00 + (each * 7919) % 20000) for each in range(5000))
    if database_kind == "sqlite":
        assert store(database, name=incompressible).name == incompressible
        return
    with pytest.raises(Exception, match="index row") as refused:
        store(database, name=incompressible)
    assert not isinstance(refused.value, Unavailable)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ANYTHING)
def test_whatever_is_in_an_event_its_chain_stays_whole(database: Database, value: Any) -> None:
    with UnitOfWork(database, SERVICE, now=NOW).transaction() as work:
        work.append_event("made.up", subject="x", data={"value": value})

    verdict = verify(database)
    assert verdict.intact, verdict.why


@given(value=ANYTHING)
def test_cleaning_again_changes_nothing(value: Any) -> None:
    clean = storable_json(value)

    assert storable_json(clean) == clean
    assert json.loads(json.dumps(clean, allow_nan=False)) == clean


def test_long_text_is_cut_and_says_so() -> None:
    assert storable_text("x" * 200_000).endswith("… (100000 characters cut)")
