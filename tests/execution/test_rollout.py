"""A rollout as a worker carries it out, with steps of the test's own: what is begun, what is not, and how it ends."""

import pytest
from sqlmodel import select

from app.azureml.errors import ModelFailed, Unavailable
from app.database.connection import Database
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.evidence.log import DEPLOYMENT_LOG, Log
from app.evidence.tables import Evidence
from app.execution.context import WorkerContext
from app.execution.rollout import carry_out_rollout
from app.identity.actor import SERVICE
from app.planning.ids import release_of
from app.releases.asked import ask_of
from app.releases.attempts import begin_attempt
from app.releases.locks import lock_release
from app.releases.queries import get_rollout, steps_of
from app.releases.service import move_rollout, move_step
from app.releases.states import Control, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.releasing.names import about_of
from app.steps.contract import Context, Done, Refused
from tests.execution.instant import hands, worker
from tests.execution.rollouts import queue_rollout
from tests.instant import Hands
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]


@pytest.fixture
def queued(planned: str, database: Database) -> str:
    """The id of a rollout that waits in the queue: two steps, and one that needs both."""
    with UnitOfWork(database, SERVICE).transaction() as work:
        rollout = get_rollout(work, planned, "dev")
        begin_attempt(work, rollout)
        return rollout.id


def refuse(_context: Context) -> Done:
    raise Refused("Not this one.", code="refused")


def steps_now(database: Database, rollout: str) -> dict[str, str]:
    with database.read() as session:
        return {step.key: step.status.value for step in steps_of(session, rollout)}


def test_steps_run_in_the_order_of_their_needs_and_get_what_those_gave(
    worker: WorkerContext, hands: Hands, queued: str
) -> None:
    assert carry_out_rollout(worker, queued) is Status.SUCCEEDED

    assert sorted(hands.seen) == ["create_deployment", "create_endpoint", "register_model"]
    assert hands.seen[-1] == "create_deployment"
    assert hands.outputs["create_deployment"] == {
        "register_model": {"of": "register_model"},
        "create_endpoint": {"of": "create_endpoint"},
    }
    with worker.database.read() as session:
        assert session.get_one(Release, "churn-1").status is Status.PENDING_APPROVAL


def test_rollout_that_has_ended_is_not_carried_out_again(worker: WorkerContext, hands: Hands, queued: str) -> None:
    carry_out_rollout(worker, queued)
    hands.seen.clear()

    assert carry_out_rollout(worker, queued) is Status.SUCCEEDED
    assert hands.seen == []


def test_what_a_kill_cut_off_is_taken_up_again_and_what_is_done_is_not(
    worker: WorkerContext, hands: Hands, queued: str
) -> None:
    as_killed(worker.database, queued, register_model=StepStatus.SUCCEEDED, create_endpoint=StepStatus.RUNNING)

    assert carry_out_rollout(worker, queued) is Status.SUCCEEDED
    assert hands.seen == ["create_endpoint", "create_deployment"]


def test_what_a_kill_cut_off_beside_a_step_that_failed_is_brought_to_its_end(
    worker: WorkerContext, hands: Hands, queued: str
) -> None:
    as_killed(worker.database, queued, register_model=StepStatus.FAILED, create_endpoint=StepStatus.RUNNING)

    assert carry_out_rollout(worker, queued) is Status.FAILED
    assert hands.seen == ["create_endpoint"]
    assert steps_now(worker.database, queued) == {
        "register_model": "failed",
        "create_endpoint": "succeeded",
        "create_deployment": "skipped",
    }


def test_nothing_begins_after_a_refusal(worker: WorkerContext, hands: Hands, queued: str) -> None:
    hands.acts["create_endpoint"] = refuse

    assert carry_out_rollout(worker, queued) is Status.FAILED
    assert "create_deployment" not in hands.seen
    with worker.database.read() as session:
        rollout = get_rollout(session, "churn-1", "dev")
        assert (rollout.code, rollout.sentence) == ("refused", "create_endpoint: Not this one.")
        after = {step.key: step.sentence for step in steps_of(session, queued)}
        assert after["create_deployment"] == "Not reached: create_endpoint failed."  # not the same sentence once more


def test_step_that_is_tried_again_counts_its_attempts(worker: WorkerContext, hands: Hands, queued: str) -> None:
    answers = iter([Unavailable("away"), Unavailable("away")])

    def away_twice(_context: Context) -> Done:
        for answer in answers:
            raise answer
        return Done("Made.")

    hands.acts["register_model"] = away_twice

    assert carry_out_rollout(worker, queued) is Status.SUCCEEDED
    with worker.database.read() as session:
        attempts = {step.key: step.attempts for step in steps_of(session, queued)}
    assert attempts == {"register_model": 3, "create_endpoint": 1, "create_deployment": 1}


@pytest.mark.usefixtures("planned")
def test_steps_whose_keys_have_colons_are_tried_again_and_get_what_those_before_gave(
    worker: WorkerContext, hands: Hands
) -> None:
    rollout = queue_rollout(worker, key_suffix=":10:of:100")
    answers = iter([Unavailable("away"), Unavailable("away")])

    def away_twice(_context: Context) -> Done:
        for answer in answers:
            raise answer
        return Done("Made.")

    hands.acts["create_deployment"] = away_twice

    assert carry_out_rollout(worker, rollout) is Status.SUCCEEDED
    assert hands.outputs["create_deployment"] == {
        "register_model:10:of:100": {"of": "register_model"},
        "create_endpoint:10:of:100": {"of": "create_endpoint"},
    }
    with worker.database.read() as session:
        assert session.get_one(StepRun, f"{rollout}:create_deployment:10:of:100").attempts == 3
        assert session.get_one(Release, release_of(rollout)).status is Status.SUCCEEDED


@pytest.mark.usefixtures("planned")
def test_log_of_a_step_whose_key_has_colons_is_its_models(worker: WorkerContext, hands: Hands) -> None:
    rollout = queue_rollout(worker, key_suffix=":10:of:100")

    def fail(_context: Context) -> Done:
        raise ModelFailed("The scoring code did not start.", log=Log(DEPLOYMENT_LOG, "no such weights"))

    hands.acts["create_endpoint"] = fail

    assert carry_out_rollout(worker, rollout) is Status.FAILED
    step_id = f"{rollout}:create_endpoint:10:of:100"
    with worker.database.read() as session:
        assert session.get_one(StepRun, step_id).sentence.endswith(f"mlrelease release logs {release_of(rollout)}")
        kept = session.exec(select(Evidence)).one()
        events = session.exec(select(Event).where(Event.subject == step_id)).all()
    assert (kept.subject, kept.model) == (step_id, "churn")
    assert {(event.model, event.release_id) for event in events} == {("churn", release_of(rollout))}


@pytest.mark.parametrize(
    ("asked", "ends", "left"), [(Control.PAUSE, "paused", "pending"), (Control.CANCEL, "cancelled", "skipped")]
)
def test_nothing_begins_once_somebody_asked_to_stop(
    worker: WorkerContext, hands: Hands, queued: str, asked: Control, ends: str, left: str
) -> None:
    def ask(_context: Context) -> Done:
        with UnitOfWork(worker.database, SERVICE).transaction() as work:
            release = lock_release(work, "churn-1")
            ask_of(work, release, asked, reason="")
        return Done("Made.")

    hands.acts["create_endpoint"] = ask

    assert carry_out_rollout(worker, queued).value == ends
    assert "create_deployment" not in hands.seen
    assert steps_now(worker.database, queued)["create_deployment"] == left


def test_worker_that_is_stopped_records_what_has_ended_and_begins_nothing(
    worker: WorkerContext, hands: Hands, queued: str
) -> None:
    as_killed(worker.database, queued, register_model=StepStatus.SUCCEEDED)

    def stop(_context: Context) -> Done:
        worker.signals.stop()
        return Done("Made.")

    hands.acts["create_endpoint"] = stop

    assert carry_out_rollout(worker, queued) is Status.IN_PROGRESS

    assert steps_now(worker.database, queued)["create_endpoint"] == "succeeded"
    assert steps_now(worker.database, queued)["create_deployment"] == "pending"
    with worker.database.read() as session:
        target = get_rollout(session, "churn-1", "dev").target
    assert target in {about_of(each) for each in worker.queue.waiting_or_running()}, "another worker goes on"


def as_killed(database: Database, rollout_id: str, **ends: StepStatus) -> None:
    """As a worker leaves it that was killed when these steps had come so far."""
    said = {"code": "x", "sentence": "x"}
    with UnitOfWork(database, SERVICE).transaction() as work:
        rollout = work.get_one(Rollout, rollout_id)
        move_rollout(work, rollout, Status.IN_PROGRESS, **said)
        for step in steps_of(work, rollout_id):
            if step.key in ends:
                move_step(work, step, StepStatus.RUNNING, code="x", sentence="x")
                if ends[step.key] is not StepStatus.RUNNING:
                    move_step(work, step, ends[step.key], code="x", sentence="x")
