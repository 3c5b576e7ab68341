"""No list, filter, page or poll reads a table that has grown: what a query reads is counted, over 20,000 releases."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Session

from app.database.connection import Database
from app.definitions.queries import list_models
from app.identity.tokens import list_tokens
from app.jobs.queries import due_polls, get_job, list_jobs
from app.notifications.deliveries import anything_due
from app.notifications.queries import list_deliveries
from app.notifications.tables import DeliveryStatus
from app.planning.earlier import previous
from app.releases import audit
from app.releases import queries as releases
from app.releases.at_target import asking_at, is_queued_at, moved_by, planned_at
from app.releases.attested import attested_definitions
from app.releases.states import FINAL, Status
from app.releases.tables import Release
from app.releasing.traffic_moves import moves_of
from app.serving.earlier import (
    going_back_at,
    has_begun_at,
    last_found_at,
    last_served,
    moved_since,
    proven_at,
    rollouts_with,
    turns_at,
)
from app.serving.idle import fates_at
from app.serving.queries import history, replaced_at, serving_at_each, serving_now, serving_when
from app.serving.tables import StoredTarget
from app.workers.queries import last_change, list_workers
from tests.growth import COMMON, JOB, RARE, TARGET, fill, rows_read

RELEASES = 20_000
MOST_ROWS = 2_500  # that PostgreSQL may look at, in all parts of its plan, for a page of 200
MOST_STEPS = 10_000  # of SQLite's machine; to look at one column of each of 20,000 rows takes more than 80,000

LONG_AGO = (datetime(2026, 1, 1, 0, 30, tzinfo=UTC), "model-0-30")
LATE = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=365)
SOME = frozenset({COMMON, RARE})
NEWEST = f"model-1-{RELEASES - RELEASES % 7 - 6}"

QUERIES: dict[str, Callable[[Session], Any]] = {
    "newest releases": lambda session: releases.list_releases(session),
    "a page of releases far behind": lambda session: releases.list_releases(session, before=LONG_AGO),
    "releases of a model": lambda session: releases.list_releases(session, model=COMMON),
    "releases of a rare model": lambda session: releases.list_releases(session, model=RARE),
    "releases in a common status": lambda session: releases.list_releases(session, statuses=[Status.SUCCEEDED]),
    "releases in a rare status": lambda session: releases.list_releases(session, statuses=[Status.EXPIRED]),
    "releases in rare statuses": lambda session: releases.list_releases(
        session, statuses=[Status.EXPIRED, Status.SCHEDULED]
    ),
    "releases that have ended": lambda session: releases.list_releases(session, statuses=list(FINAL)),
    "releases that have not ended": lambda session: releases.list_releases(session, statuses=list(set(Status) - FINAL)),
    "releases of a model in a rare status": lambda session: releases.list_releases(
        session, model=COMMON, statuses=[Status.EXPIRED]
    ),
    "releases that may be seen": lambda session: releases.list_releases(session, visible=SOME),
    "releases of a rare model that may be seen": lambda session: releases.list_releases(
        session, visible=frozenset({RARE})
    ),
    "releases that may be seen in two statuses": lambda session: releases.list_releases(
        session, visible=SOME, statuses=[Status.EXPIRED, Status.FAILED]
    ),
    "releases that ask": lambda session: releases.list_releases(session, asking=True),
    "releases of some models that ask": lambda session: releases.list_releases(session, visible=SOME, asking=True),
    "releases of a job": lambda session: releases.list_releases(session, job=JOB),
    "failed releases of a job": lambda session: releases.list_releases(session, job=JOB, statuses=[Status.FAILED]),
    "releases of a job that may be seen": lambda session: releases.list_releases(
        session, job=JOB, visible=SOME, statuses=[Status.FAILED, Status.SUCCEEDED]
    ),
    "events": lambda session: releases.list_events(session),
    "events of a rare model": lambda session: releases.list_events(session, visible=frozenset({RARE}), after=40),
    "events that may be seen": lambda session: releases.list_events(session, visible=SOME, after=40),
    "newest events that may be seen": lambda session: releases.list_events(session, visible=SOME, after=3 * RELEASES),
    "events of a release": lambda session: releases.list_events(session, release_id="model-rare-9", visible=SOME),
    "running steps": lambda session: releases.running_steps(session),
    "running steps that may be seen": lambda session: releases.running_steps(session, visible=SOME),
    "workers": list_workers,
    "a lost worker": lambda session: last_change(session, "w"),
    "what waits for people": lambda session: releases.waiting_for_people(session),
    "what of some models waits for people": lambda session: releases.waiting_for_people(session, visible=SOME),
    "what of a model waits": lambda session: releases.waiting_of(session, COMMON),
    "what is scheduled": releases.scheduled,
    "what is due": lambda session: releases.due(session, now=LATE, limit=50),
    "what wants a driver": lambda session: (releases.driven_targets(session), releases.unprepared(session)),
    "what moves a target": lambda session: (moved_by(session, TARGET), has_begun_at(session, TARGET)),
    "what waits for a target": lambda session: (is_queued_at(session, TARGET), asking_at(session, TARGET)),
    "what goes back at a target": lambda session: going_back_at(session, TARGET, model=COMMON, stage="dev"),
    "definitions on record": lambda session: attested_definitions(session, COMMON),
    "jobs": lambda session: list_jobs(session),
    "jobs of a model": lambda session: list_jobs(session, model=COMMON, before=RELEASES // 2),
    "jobs of a rare model": lambda session: list_jobs(session, model=RARE),
    "jobs that may be seen": lambda session: list_jobs(session, visible=SOME),
    "a job": lambda session: get_job(session, JOB, visible=SOME),
    "jobs to be polled": lambda session: due_polls(session, now=LATE, busy=["w"], limit=50),
    "deliveries": lambda session: list_deliveries(session),
    "dead deliveries": lambda session: list_deliveries(session, status=DeliveryStatus.DEAD),
    "delivered ones": lambda session: list_deliveries(session, status=DeliveryStatus.DELIVERED),
    "dead deliveries of one recipient": lambda session: list_deliveries(
        session, recipient="webhook:w1", status=DeliveryStatus.DEAD
    ),
    "deliveries of one recipient": lambda session: list_deliveries(session, recipient="webhook:w1"),
    "deliveries that are due": anything_due,
    "what serves": lambda session: serving_now(session, TARGET),
    "what serves at each": lambda session: serving_at_each(session, [TARGET, "s/rg/ws/endpoint-2"]),
    "what served at a moment": lambda session: serving_when(session, TARGET, LONG_AGO[0] + timedelta(days=7)),
    "by whose word traffic moved": lambda session: moves_of(session, history(session, TARGET, limit=50), visible=SOME),
    "what is replaced": lambda session: replaced_at(session, TARGET, by=None),
    "what served": lambda session: history(session, TARGET, limit=50),
    "what served long ago": lambda session: history(session, TARGET, before=RELEASES // 2, limit=50),
    "what served before": lambda session: previous(turns_at(session, TARGET)),
    "what may be gone back to": lambda session: last_served(session, TARGET, most=50, but=set()),
    "what brought a release": lambda session: rollouts_with(session, TARGET, "model-1-15002"),
    "what brought something good": lambda session: proven_at(session, TARGET, {"d-15002", "d-15003"}),
    "what others made": lambda session: last_found_at(session, TARGET),
    "what was to be made": lambda session: planned_at(session, TARGET, {"d-15002", "d-15003"}),
    "what moved since": lambda session: moved_since(session, TARGET, session.get_one(Release, NEWEST)),
    "deployments without traffic": lambda session: fates_at(
        session, StoredTarget(id=TARGET, model=RARE, stage="dev", since=LATE, updated_at=LATE)
    ),
    "tokens": lambda session: list_tokens(session),
    "tokens far behind": lambda session: list_tokens(session, before=LONG_AGO),
    "models": lambda session: list_models(session),
    "models that may be seen": lambda session: list_models(session, visible=SOME, after="a"),
    "an export of the last events": lambda session: audit.export(session, after=0, since=LATE),
    "an export of a moment": lambda session: audit.export(
        session,
        after=0,
        since=LONG_AGO[0] + timedelta(days=7),
        until=LONG_AGO[0] + timedelta(days=7, minutes=10),
        visible=SOME,
    ),
}


def test_no_query_reads_a_table_that_has_grown(database: Database) -> None:
    fill(database, RELEASES)
    count, most = (_machine_steps, MOST_STEPS) if database.engine.name == "sqlite" else (_rows_read, MOST_ROWS)

    read = {name: count(database, query) for name, query in QUERIES.items()}

    assert {name: much for name, much in read.items() if much > most} == {}
    with database.read() as session:  # of what is there
        for name in ("releases of a model", "jobs of a model", "deliveries of one recipient", "what served long ago"):
            assert len(QUERIES[name](session)) == 50, name


def test_a_page_of_several_models_and_statuses_is_the_same_as_without_their_indexes(database: Database) -> None:
    fill(database, 500)
    models, statuses = frozenset({COMMON, "model-2", RARE}), [Status.FAILED, Status.EXPIRED]

    with database.read() as session:
        everything = releases.list_releases(session, limit=500)
        wanted = [each.id for each in everything if each.model in models and each.status in statuses]
        pages: list[str] = []
        while page := releases.list_releases(
            session,
            visible=models,
            statuses=statuses,
            limit=7,
            before=_end(session, pages),
        ):
            pages += [each.id for each in page]

    assert pages == wanted
    assert {each.rpartition("-")[0] for each in pages} == models


def _end(session: Session, ids: list[str]) -> tuple[datetime, str] | None:
    return (releases.get_release(session, ids[-1]).created_at, ids[-1]) if ids else None


def _rows_read(database: Database, query: Callable[[Session], Any]) -> int:
    with _statements(database.engine) as sent, database.read() as session:
        query(session)
    with database.engine.connect() as connection:
        return sum(rows_read(connection, *each) for each in sent)


def _machine_steps(database: Database, query: Callable[[Session], Any]) -> int:
    """To the hundred."""
    hundreds = 0

    def note() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    with database.read() as session:
        connection = session.connection().connection.dbapi_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(note, 100)
        query(session)
        connection.set_progress_handler(None, 0)
    return 100 * hundreds


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
