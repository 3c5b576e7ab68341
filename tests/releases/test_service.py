"""The sole writer: states follow each other as they may, every change is an event, a release follows its rollouts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlmodel import col, select

from app.database.connection import Database
from app.errors import Conflict
from app.events.chain import verify_chain
from app.events.tables import Event, EventHead
from app.events.work import UnitOfWork, transact
from app.planning.sources import read_source
from app.releases import locks, queries
from app.releases.attempts import begin_attempt, skip_what_is_left
from app.releases.service import Request, create_release, move_rollout, move_step, report_progress
from app.releases.states import Status, StepStatus
from app.releases.tables import Release
from tests.releases.conftest import ANNA, NOW


@pytest.fixture
def work(database: Database) -> Iterator[UnitOfWork]:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        yield work


def move(work: UnitOfWork, stage: str, status: Status, release: str = "churn-1") -> None:
    rollout = queries.get_rollout(work, release, stage)
    move_rollout(work, rollout, status, code=status.value, sentence="So.")


def events_of(work: UnitOfWork) -> list[Event]:
    """With what this transaction has appended so far."""
    work.link_events()
    return queries.list_events(work)


def test_numbers_count_up_in_each_model(planned: str, work: UnitOfWork) -> None:
    first = work.get_one(Release, planned)
    asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)

    made = [create_release(work, replace(asked, model=model), mark="ef01") for model in ("churn", "other") * 2]

    assert (first.id, first.number) == ("churn-1", 1)
    assert [(each.id, each.number) for each in made] == [("churn-2", 2), ("other-1", 1), ("churn-3", 3), ("other-2", 2)]


def test_release_takes_the_status_of_its_first_stage_that_has_not_succeeded(planned: str, work: UnitOfWork) -> None:
    begin_attempt(work, queries.get_rollout(work, planned, "dev"))
    move(work, "dev", Status.IN_PROGRESS)
    move(work, "dev", Status.SUCCEEDED)
    move(work, "prod", Status.PENDING_APPROVAL)

    release = queries.get_release(work, planned)
    assert release.status is Status.PENDING_APPROVAL
    assert release.sentence == "prod: So."
    assert release.finished_at is None


def test_release_has_succeeded_when_every_stage_has(planned: str, work: UnitOfWork) -> None:
    for stage in ("dev", "prod"):
        for status in (Status.QUEUED, Status.IN_PROGRESS, Status.SUCCEEDED):
            move(work, stage, status)

    release = queries.get_release(work, planned)
    assert release.status is Status.SUCCEEDED
    assert release.finished_at == NOW


def test_a_state_that_cannot_follow_is_refused_and_nothing_changes(planned: str, work: UnitOfWork) -> None:
    before = events_of(work)

    with pytest.raises(Conflict, match="cannot become succeeded"):
        move(work, "dev", Status.SUCCEEDED)

    assert queries.get_rollout(work, planned, "dev").status is Status.PENDING
    assert events_of(work) == before


def test_a_step_that_succeeded_is_never_moved_again(planned: str, work: UnitOfWork) -> None:
    step = queries.steps_of(work, f"{planned}:dev")[0]
    for status in (StepStatus.RUNNING, StepStatus.SUCCEEDED):
        move_step(work, step, status, code="x", sentence="x")

    with pytest.raises(Conflict):
        move_step(work, step, StepStatus.RUNNING, code="x", sentence="x")

    assert step.attempts == 1


def test_a_killed_step_counts_another_attempt_and_keeps_its_first_start(planned: str, database: Database) -> None:
    for moment in (NOW, NOW.replace(hour=9)):
        with UnitOfWork(database, ANNA, now=moment).transaction() as work:
            step = queries.steps_of(work, f"{planned}:dev")[0]
            move_step(work, step, StepStatus.RUNNING, code="x", sentence="x")

    assert (step.attempts, step.started_at) == (2, NOW)


def test_saying_the_same_again_is_no_event(planned: str, work: UnitOfWork) -> None:
    step = queries.steps_of(work, f"{planned}:dev")[0]
    move_step(work, step, StepStatus.RUNNING, code="x", sentence="x")
    report_progress(work, step, "Halfway.")
    before = events_of(work)

    report_progress(work, step, "Halfway.")

    assert events_of(work) == before


def test_steps_that_were_not_reached_are_skipped(planned: str, work: UnitOfWork) -> None:
    rollout = queries.get_rollout(work, planned, "dev")
    first = queries.steps_of(work, rollout.id)[0]
    move_step(work, first, StepStatus.RUNNING, code="x", sentence="x")
    move_step(work, first, StepStatus.FAILED, code="no", sentence="No.")

    skip_what_is_left(work, queries.steps_of(work, rollout.id), because="No.")

    assert [step.status.value for step in queries.steps_of(work, rollout.id)] == ["failed", "skipped", "skipped"]


def test_every_change_moves_the_revision_to_its_event(planned: str, work: UnitOfWork) -> None:
    begin_attempt(work, queries.get_rollout(work, planned, "dev"))

    events = events_of(work)
    release = work.get_one(Release, planned)
    assert release.revision == events[-1].seq
    assert [event.kind for event in events] == [
        "release.created",
        "release.planned",
        "rollout.queued",
        "release.queued",
    ]


def test_a_rollout_that_is_locked_again_is_as_this_transaction_has_left_it(planned: str, work: UnitOfWork) -> None:
    begin_attempt(work, queries.get_rollout(work, planned, "dev"))
    move(work, "dev", Status.SUPERSEDED)

    rollout, release, steps = locks.lock_rollout(work, f"{planned}:dev")

    assert (rollout.status, release.status) == (Status.SUPERSEDED, Status.SUPERSEDED)
    assert [step.key for step in steps] == ["register_model", "create_endpoint", "create_deployment"]


@pytest.mark.parametrize("database_kind", ["postgresql"])  # over SQLite one writes at a time
def test_who_has_appended_keeps_nobody_waiting_before_its_end(database: Database) -> None:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        work.append_event("test.slow", subject="slow")
        with UnitOfWork(database, ANNA, now=NOW).transaction() as other:
            other.append_event("test.quick", subject="quick")

    with database.read() as session:
        events = queries.list_events(session)
        assert [event.kind for event in events] == ["test.quick", "test.slow"]
        assert verify_chain(events, head=session.get_one(EventHead, 1)) == 2


def test_what_is_undone_leaves_no_event(database: Database) -> None:
    def append_and_break(work: UnitOfWork) -> None:
        work.append_event("test.undone", subject="linked")
        work.link_events()
        work.append_event("test.undone", subject="loose")
        raise Conflict("Undo it.")

    with pytest.raises(Conflict, match="Undo"):
        transact(lambda: UnitOfWork(database, ANNA, now=NOW), append_and_break)

    with database.read() as session:
        assert queries.list_events(session) == []
        assert verify_chain([], head=session.get_one(EventHead, 1)) == 0


def test_the_chain_holds_and_names_the_first_broken_link(planned: str, database: Database) -> None:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        begin_attempt(work, queries.get_rollout(work, planned, "dev"))
    with database.read() as session:
        events = session.exec(select(Event).order_by(col(Event.seq))).all()
        head = session.get_one(EventHead, 1)
        assert verify_chain(events, head=head) == 4

    with database.write() as session:
        tampered = session.get_one(Event, 2)
        tampered.actor = "mallory"
        session.add(tampered)
    with database.read() as session:
        events = session.exec(select(Event).order_by(col(Event.seq))).all()
        with pytest.raises(Conflict, match="event 2 was changed"):
            verify_chain(events, head=session.get_one(EventHead, 1))
        with pytest.raises(Conflict, match="event 1 is missing"):
            verify_chain(events[1:], head=session.get_one(EventHead, 1))
        with pytest.raises(Conflict, match="chain ends at 1"):
            verify_chain(events[:1], head=session.get_one(EventHead, 1))
