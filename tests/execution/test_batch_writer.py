"""Many threads of a worker write at once: each gets its own result, all that was good is there, nothing that was not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlmodel import Session, select

from app.database.connection import Database
from app.errors import Conflict, Invalid
from app.execution.batch_writer import MOST, BatchWriter
from app.identity.actor import SERVICE
from app.releases.events import append_event, verify_chain
from app.releases.tables import Event, EventHead

WRITERS = 3 * MOST


def allowed(_session: Session) -> None: ...


def event_of(number: int) -> Callable[[Session], int]:
    def work(session: Session) -> int:
        append_event(session, "test.written", subject=str(number), actor=SERVICE, now=datetime.now(UTC))
        return number

    return work


def kept(database: Database) -> set[int]:
    """What was written, in an unbroken chain."""
    with database.read() as session:
        events = session.exec(select(Event).order_by(Event.seq)).all()  # type: ignore[arg-type] # a column
        verify_chain(events, head=session.get_one(EventHead, 1))
        return {int(event.subject) for event in events}


def test_each_writer_gets_its_own_result_and_everything_is_there(database: Database) -> None:
    begun: list[Session] = []
    writer = BatchWriter(database, fence=begun.append)

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(lambda number: writer.write(event_of(number)), range(WRITERS)))

    assert results == list(range(WRITERS))
    assert kept(database) == set(range(WRITERS))
    assert len(begun) < WRITERS, "those that waited were written together"


def test_what_breaks_breaks_for_its_writer_alone(database: Database) -> None:
    writer = BatchWriter(database, fence=allowed)

    def broken(session: Session) -> int:
        event_of(999)(session)
        raise Invalid("This one is broken.", code="broken")

    def write(number: int) -> int | Invalid:
        try:
            return writer.write(broken if number % 5 == 0 else event_of(number))
        except Invalid as error:
            return error

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(write, range(WRITERS)))

    good = {number for number in range(WRITERS) if number % 5}
    assert {number for number, result in enumerate(results) if result == number} == good
    assert sum(isinstance(result, Invalid) for result in results) == WRITERS - len(good)
    assert kept(database) == good


def test_without_a_lease_nobody_writes(database: Database) -> None:
    def fence(_session: Session) -> None:
        raise Conflict("The worker has lost its lease.", code="lease_lost")

    writer = BatchWriter(database, fence=fence)

    def write(number: int) -> str:
        with pytest.raises(Conflict) as lost:
            writer.write(event_of(number))
        return lost.value.code

    with ThreadPoolExecutor(WRITERS) as pool:
        assert set(pool.map(write, range(WRITERS))) == {"lease_lost"}
    assert kept(database) == set()
