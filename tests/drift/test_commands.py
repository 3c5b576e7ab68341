"""``mlrelease targets``: what is there is shown before it is adopted; drift is told, with what to do about it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app.cli.decisions import print_plan
from app.cli.main import app
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.planning.observed import Observed
from app.releases.states import DryRunState
from app.releases.tables import DryRun
from app.serving.service import At, record_observed
from tests.api.playing import as_json
from tests.api.serving import Served
from tests.drift.there import TARGET, adopted, foreign, put_there, scan, stored
from tests.guardrails.playing import Platform, stage
from tests.waiting import wait_until

Result = Any  # of Typer's runner: what was printed, and the exit status
Run = Callable[..., Result]


@pytest.fixture
def run(service: Served) -> Run:
    """The command line, as anna."""
    variables = {
        "MLRELEASE_SERVER": service.url,
        "MLRELEASE_DATA": str(service.service.settings.data),
        "MLRELEASE_ACTOR": "anna",
    }
    return lambda *arguments: CliRunner().invoke(app, arguments, env=variables)


def while_it_waits(run: Run, *arguments: str, is_asked: Callable[[], bool], act: Callable[[], object]) -> Result:
    """A command that waits for a worker, which does its work once it is asked."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Result] = pool.submit(run, *arguments)
        wait_until(lambda: is_asked() or waiting.done(), what="the worker is asked")
        act()
        return waiting.result(60)


def look(platform: Platform) -> None:
    for each in asked_looks(platform):
        platform.worker.dry_run(each)


def asked_looks(platform: Platform) -> list[str]:
    with platform.worker.database.read() as session:
        return list(session.exec(select(DryRun.id).where(DryRun.state == DryRunState.PENDING)).all())


def test_what_is_there_is_printed_and_adopted(platform: Platform, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    platform.apply(stage(approval="required"))
    put_there(platform, foreign())

    done = while_it_waits(
        run,
        *("targets", "adopt", "churn", "prod", "--yes"),
        is_asked=lambda: bool(asked_looks(platform)),
        act=lambda: look(platform),
    )
    platform.worker.prepare("churn-1")
    print_plan(as_json(platform.anna.get("/v1/releases/churn-1/rollouts/prod/plan")))
    approved = run("approve", "churn-1", "--yes")

    assert done.exit_code == 0, done.output
    assert "blue" in done.output
    assert "1 × Standard_E2s_v3" in done.output
    assert "churn-1 was requested." in done.output
    assert approved.exit_code == 0, approved.output
    assert "What serves there goes on serving." in capsys.readouterr().out


def test_endpoint_that_cannot_be_adopted_is_refused_with_what_to_do(platform: Platform, run: Run) -> None:
    platform.apply(stage())

    refused = while_it_waits(
        run,
        *("targets", "adopt", "churn", "prod"),
        is_asked=lambda: bool(asked_looks(platform)),
        act=lambda: look(platform),
    )

    assert refused.exit_code == 1
    assert "There is no endpoint churn-prod" in refused.output


def test_drift_is_told_with_what_to_do_about_it(platform: Platform, run: Run) -> None:
    platform.apply(stage())
    put_there(platform, foreign())
    platform.carried_out(adopted(platform)["id"])
    scan(platform)
    put_there(platform, foreign(traffic={}))

    told = while_it_waits(
        run,
        *("targets", "drift", "churn", "prod"),
        is_asked=lambda: (
            (stored(platform).next_scan_at or platform.worker.context.now()) <= platform.worker.context.now()
        ),
        act=lambda: scan(platform),
    )
    listed = run("targets", "list")
    reverted = run("targets", "revert", "churn", "prod", "--reason", "Nobody approved that.")
    nowhere = run("targets", "drift", "churn", "nope")

    assert told.exit_code == 1, told.output
    assert "The traffic of churn-prod is none, recorded is blue 100%." in told.output
    assert "mlrelease targets revert churn prod" in told.output
    assert "traffic" in listed.output
    assert "blue, made by others" in listed.output
    assert "churn-2 was requested." in reverted.output
    assert "No endpoint of churn in nope is on record." in nowhere.output
    assert stored(platform).id == TARGET


def test_stage_that_has_had_several_endpoints_asks_which_one_is_meant(service: Served, run: Run) -> None:
    database = service.service.database
    for name in ("old", "new"):
        with UnitOfWork(database, SERVICE, now=database.now()).transaction() as work:
            record_observed(work, At(f"sub/rg/ws/{name}", model="churn", stage="prod"), Observed(traffic={}))

    either = [run("targets", "drift", "churn", "prod"), run("rollback", "churn", "prod", "--reason", "Wrong data.")]
    one = run("targets", "revert", "churn", "prod", "--reason", "Wrong.", "--target", "sub/rg/ws/old")

    for each in either:
        assert "churn has had several endpoints in prod: sub/rg/ws/new, sub/rg/ws/old." in each.output
    assert "old did not differ from what is on record" in one.output
