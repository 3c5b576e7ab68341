"""Many threads of a worker write at once: each gets its own result, all that was good is there, nothing that was not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session, select

from app.database.connection import Database
from app.errors import Conflict, Invalid
from app.events.chain import verify_chain
from app.events.tables import Event, EventHead
from app.execution.batch_writer import MOST, BatchWriter
from app.guardrails.rules import NO_GUARDRAILS
from app.releasing.queue import DbosQueue
from app.releasing.work import Releasing, Work
from tests.traces import traces

WRITERS = 3 * MOST


def allowed(_session: Session) -> None: ...


def event_of(number: int) -> Callable[[Work], int]:
    def act(work: Work) -> int:
        work.append_event("test.written", subject=str(number))
        return number

    return act


@pytest.fixture
def releasing(database: Database) -> Releasing:
    return Releasing(database, DbosQueue(database.engine), NO_GUARDRAILS)


def kept(database: Database) -> set[int]:
    """What was written, in an unbroken chain."""
    with database.read() as session:
        events = session.exec(select(Event).order_by(Event.seq)).all()  # type: ignore[arg-type] # a column
        verify_chain(events, head=session.get_one(EventHead, 1))
        return {int(event.subject) for event in events}


def test_each_writer_gets_its_own_result_and_everything_is_there(database: Database, releasing: Releasing) -> None:
    begun: list[Session] = []
    writer = BatchWriter(releasing, fence=begun.append)

    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(lambda number: writer.write(event_of(number)), range(WRITERS)))

    assert results == list(range(WRITERS))
    assert kept(database) == set(range(WRITERS))
    assert len(begun) < WRITERS, "those that waited were written together"


def test_what_breaks_breaks_for_its_writer_alone(database: Database, releasing: Releasing) -> None:
    writer = BatchWriter(releasing, fence=allowed)

    def broken(work: Work) -> int:
        event_of(999)(work)
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


def test_without_a_lease_nobody_writes(database: Database, releasing: Releasing) -> None:
    def fence(_session: Session) -> None:
        raise Conflict("The worker has lost its lease.", code="lease_lost")

    writer = BatchWriter(releasing, fence=fence)

    def write(number: int) -> str:
        with pytest.raises(Conflict) as lost:
            writer.write(event_of(number))
        return lost.value.code

    with ThreadPoolExecutor(WRITERS) as pool:
        assert set(pool.map(write, range(WRITERS))) == {"lease_lost"}
    assert kept(database) == set()


def test_what_is_written_together_is_queued_each_in_its_own_trace(database: Database, releasing: Releasing) -> None:
    begun: list[Session] = []
    writer = BatchWriter(releasing, fence=begun.append)

    def write(number: int) -> None:
        trace = f"trace-{number}" if number % 3 else None
        writer.write(lambda work: work.queue.move_target(work, str(number)), traceparent=trace)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    assert dict(traces(database)) == {str(each): f"trace-{each}" if each % 3 else None for each in range(WRITERS)}
    assert len(begun) < WRITERS, "those that waited were written together"
