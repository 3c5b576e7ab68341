"""What stands idle at an endpoint, as the API and the command line tell it, and when a worker looks for it."""

import threading
import time
from datetime import datetime, timedelta

import pytest

from app.api.idle_views import IdleReport
from app.definitions.schema import RetentionSection
from app.events.work import UnitOfWork
from app.execution.engine import launch_engine, stop_engine
from app.execution.lease import Lease
from app.execution.sweep import queue_sweep, sweep_target
from app.guardrails.schema import PricesSection
from app.identity.actor import SERVICE
from app.planning.observed import DeploymentFacts, Observed
from app.releases.states import Status
from app.releasing.names import about_of, sweep_of
from app.serving.idle import due_sweeps
from app.serving.retention import fates
from app.serving.service import At, record_observed
from app.serving.tables import StoredTarget
from app.steps.contract import Context, Done
from tests.api.conftest import on_sqlite
from tests.api.playing import as_json
from tests.api.serving import problem_of
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage
from tests.instant import LEASE_SECONDS, InstantWorker
from tests.serving.idling import NOW, idle
from tests.serving.saying import TARGET, Say, say
from tests.waiting import PATIENCE_SECONDS, wait_until
from tests.web.conftest import plain_logs, service, settings

__all__ = ["plain_logs", "platform", "say", "service", "settings"]

RETENTION = "retention: {keep: 1, warm_for: 7d}\n"


@pytest.fixture
def two(platform: Platform) -> Platform:
    """churn-1 and churn-2 were released, beside others' blue, which never had traffic."""
    platform.apply(stage(), RETENTION)
    platform.released()
    platform.released()
    with UnitOfWork(platform.worker.database, SERVICE).transaction() as work:
        blue = DeploymentFacts(name="blue", instance_type="Standard_E2s_v3", instance_count=3)
        record_observed(work, At(TARGET, model="churn", stage="prod"), Observed(deployments=(blue,)))
    return platform


def queued(worker: InstantWorker) -> list[str]:
    """Sweeps that wait for their turn."""
    return [each for each in worker.context.queue.waiting_or_running() if about_of(each) == sweep_of(TARGET)]


@on_sqlite
def test_idle_deployments_are_told_with_what_becomes_of_them(two: Platform, say: Say) -> None:
    report = as_json(two.anna.get(f"/v1/targets/{TARGET}/idle"))

    assert [(each["release"], each["then"], each["instance_count"]) for each in report["items"]] == [
        (None, "keep", 3),
        ("churn-1", "delete", 1),
    ]
    served = report["items"][1]
    kept = datetime.fromisoformat(served["at"]) - datetime.fromisoformat(served["since"])
    assert (kept, served["because"]) == (timedelta(days=7), "Kept for 7d after it had served.")
    assert (report["cost"], report["currency"]) == (None, None)
    problem_of(two.anna.get(f"/v1/targets/{TARGET}x/idle"), 404, "target_not_found")
    told = say("idle", "churn")
    assert "churn-1" in told
    assert "made by others" in told


@on_sqlite
def test_what_cannot_be_gone_back_to_is_not_among_those_that_are_kept_for_it(two: Platform) -> None:
    release = two.prepared()["id"]
    with two.worker.under_way(release, "prod", at="retire_deployments") as step:
        assert two.anna.post(f"/v1/releases/{release}/cancel", json={"reason": "Wrong data."}).is_success
        assert step.end() is Status.CANCELLED  # with all of the traffic
    two.released()

    report = as_json(two.anna.get(f"/v1/targets/{TARGET}/idle"))

    because = {each["release"]: each["because"] for each in report["items"]}
    assert because[release] == "Its release did not get through; kept for 7d."
    assert because["churn-2"] == "Kept for 7d after it had served."


def test_idle_machines_are_counted_in_hours_and_priced_where_a_price_is_known() -> None:
    prices = PricesSection(currency="EUR", per_hour={"standard_e2s_v3": 0.15})
    known, unknown = idle("r2", days=1), idle("r1", days=2, instance_type="Standard_NC6")

    report = IdleReport.of(fates([known, unknown], RetentionSection(), model="churn"), now=NOW, prices=prices)

    assert [(each.instance_hours, each.cost) for each in report.items] == [(48, 7.2), (96, None)]
    assert (report.instance_hours, report.cost, report.currency) == (144, 7.2, "EUR")


@on_sqlite
def test_a_target_is_swept_once_an_interval_whoever_sees_that_it_is_due(two: Platform) -> None:
    worker = two.worker
    queue_sweep(worker.context, TARGET)
    assert queued(worker) == []  # new: due in an hour

    with worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE target SET next_sweep_at = '2026-01-01 00:00:00'")
    with worker.database.read() as session:
        assert due_sweeps(session, now=worker.database.now(), limit=8) == [TARGET]
    queue_sweep(worker.context, TARGET)
    queue_sweep(worker.context, TARGET)

    assert len(queued(worker)) == 1
    with worker.database.read() as session:
        due = session.get_one(StoredTarget, TARGET).next_sweep_at
    assert due is not None
    assert due > worker.database.now() + timedelta(minutes=55)


@on_sqlite
def test_nothing_is_swept_while_a_rollout_moves_the_target(two: Platform) -> None:
    release = two.prepared()["id"]

    with two.worker.under_way(release, "prod", at="create_endpoint"):
        assert sweep_target(two.worker.context, TARGET) == "A rollout moves it."


@on_sqlite
def test_a_sweep_waits_in_the_queue_until_the_rollout_before_it_has_ended(two: Platform) -> None:
    worker, goes_on, held = two.worker.context, threading.Event(), threading.Event()

    def hold(_context: Context) -> Done:
        held.set()
        assert goes_on.wait(PATIENCE_SECONDS)
        return Done("Done.")

    release = two.prepared()["id"]
    two.worker.hands.acts[f"{release}:prod:create_endpoint"] = hold
    with worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE target SET next_sweep_at = '2026-01-01 00:00:00'")
    launch_engine(worker)
    try:
        assert held.wait(PATIENCE_SECONDS)
        queue_sweep(worker, TARGET)
        (sweep,) = queued(two.worker)
        time.sleep(4 * worker.settings.queue_poll_seconds)  # in which the engine would have taken it
        assert sweep not in worker.queue.running()
        goes_on.set()
        wait_until(lambda: queued(two.worker) == [], what="the sweep has had its turn")
    finally:
        goes_on.set()
        stop_engine(worker, Lease(worker.database, worker.identity, seconds=LEASE_SECONDS, exclusive=False))
    assert two.worker.status_of(release, "prod") is Status.SUCCEEDED
