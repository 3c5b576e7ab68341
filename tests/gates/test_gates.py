"""Runs of GitHub and Azure Pipelines are held until the model of their commit serves."""

import json

import httpx
import pytest
from sqlmodel import select

from app.gates.tables import Gate, GateState
from app.notifications.tables import Delivery, DeliveryStatus
from tests.api.conftest import on_sqlite
from tests.api.playing import ask
from tests.api.serving import Served
from tests.gates.ci_systems import (
    COMMIT,
    JOB,
    JOB_TOKEN,
    PLAN,
    PROJECT,
    TASK,
    Github,
    protection_rule,
    send_check,
    send_rule,
)
from tests.instant import InstantWorker
from tests.notifications.conftest import make_due
from tests.notifications.receiving import Receiver, respond
from tests.waiting import wait_until


def _gate(service: Served) -> Gate:
    with service.service.database.read() as session:
        return session.exec(select(Gate)).one()


@pytest.mark.usefixtures("notifier")
def test_github_run_waits_and_goes_on_when_the_model_serves(
    service: Served,
    caller: httpx.Client,
    anna: httpx.Client,
    churn: str,
    of_commit: InstantWorker,
    github: Github,
) -> None:
    assert send_rule(caller, protection_rule(github.api)).status_code == 204
    wait_until(lambda: github.decisions, what="GitHub is told what is waited for")
    asked = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(asked)
    of_commit.complete(asked, "dev")
    wait_until(lambda: len(github.decisions) > 1, what="GitHub is told to go on")

    assert send_rule(caller, protection_rule(github.api)).status_code == 204, "a redelivery counts once"
    told, decided = github.decisions
    assert told == {
        "environment_name": "production",
        "comment": f"No release of churn from commit {COMMIT[:12]} goes to dev yet.",
    }
    assert decided == {"environment_name": "production", "state": "approved", "comment": f"{asked} in dev serves."}
    assert (_gate(service).state, _gate(service).release_id) == (GateState.APPROVED, asked)


@pytest.mark.usefixtures("notifier")
def test_azure_check_ends_with_the_release_and_forgets_its_token(
    service: Served,
    caller: httpx.Client,
    anna: httpx.Client,
    churn: str,
    of_commit: InstantWorker,
    devops: Receiver,
) -> None:
    asked = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(asked)
    assert send_check(caller, devops.url(path="/team/")).status_code == 200
    assert JOB_TOKEN not in str(_gate(service).token)
    of_commit.fail(asked, "dev")
    wait_until(lambda: devops.received, what="the check was ended")

    (answer,) = devops.received
    assert answer.path == f"/team/{PROJECT}/_apis/distributedtask/hubs/checks/plans/{PLAN}/events?api-version=7.1"
    assert answer.headers["authorization"] == f"Bearer {JOB_TOKEN}"
    assert json.loads(answer.body) == {"name": "TaskCompleted", "taskId": TASK, "jobId": JOB, "result": "failed"}
    wait_until(lambda: _delivery(service).status is DeliveryStatus.DELIVERED, what="the answer is on record")
    assert (_gate(service).token, "token" in _delivery(service).memory) == (None, False)
    assert anna.post(f"/v1/deliveries/{_delivery(service).id}/redeliver").status_code == 200
    wait_until(lambda: _delivery(service).status is DeliveryStatus.DEAD, what="nothing is left to answer with")
    assert _delivery(service).sentence == "The run's token was forgotten when it had been used."


@on_sqlite
def test_run_of_a_commit_that_serves_goes_on_at_once_and_later_not_any_more(
    service: Served, caller: httpx.Client, anna: httpx.Client, churn: str, of_commit: InstantWorker, github: Github
) -> None:
    first = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(first)
    of_commit.complete(first, "dev")
    send_rule(caller, protection_rule(github.api))
    of_commit.content = {"git_commit": "f" * 40}
    second = ask(anna, model=churn, stages=["dev"], job="job-2")["id"]
    of_commit.prepare(second)
    of_commit.complete(second, "dev")
    send_rule(caller, protection_rule(github.api, deployment={"id": 8, "sha": COMMIT}))

    with service.service.database.read() as session:
        gates = session.exec(select(Gate).order_by(Gate.id)).all()
    assert [each.state for each in gates] == [GateState.APPROVED, GateState.REJECTED]
    assert gates[1].sentence == f"{first} in dev does not serve any more: something else does."


@on_sqlite
def test_check_that_asks_again_is_told_and_not_kept(
    service: Served, caller: httpx.Client, anna: httpx.Client, churn: str, of_commit: InstantWorker
) -> None:
    body = {"model": churn, "stage": "dev", "commit": COMMIT, "callback": False}
    before = send_check(caller, "https://dev.azure.com/any/", body=body).json()
    asked = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(asked)
    of_commit.complete(asked, "dev")
    after = send_check(caller, "https://dev.azure.com/any/", body=body).json()

    assert (before["state"], before["release"]) == ("waiting", None)
    assert after == {"state": "approved", "sentence": f"{asked} in dev serves.", "release": asked}
    with service.service.database.read() as session:
        assert session.exec(select(Gate)).all() == []


@pytest.mark.usefixtures("notifier")
@on_sqlite
def test_decision_outlives_a_github_that_is_away(
    service: Served,
    caller: httpx.Client,
    anna: httpx.Client,
    churn: str,
    of_commit: InstantWorker,
    github: Github,
) -> None:
    asked = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(asked)
    of_commit.complete(asked, "dev")
    github.refuses[:] = [502]
    send_rule(caller, protection_rule(github.api))
    wait_until(lambda: _delivery(service).answer == 502, what="GitHub was away")
    make_due(service.service.database)
    wait_until(lambda: github.decisions, what="GitHub is told to go on")

    assert github.decisions[0]["state"] == "approved"


@pytest.mark.usefixtures("notifier")
@on_sqlite
def test_check_whose_token_has_ended_is_given_up(
    service: Served,
    caller: httpx.Client,
    anna: httpx.Client,
    churn: str,
    of_commit: InstantWorker,
    devops: Receiver,
) -> None:
    devops.answer = respond(401)
    asked = ask(anna, model=churn, stages=["dev"])["id"]
    of_commit.prepare(asked)
    of_commit.complete(asked, "dev")
    send_check(caller, devops.url(path="/team/"))

    wait_until(lambda: _delivery(service).status is DeliveryStatus.DEAD, what="the answer is given up")
    assert len(devops.received) == 1


def _delivery(service: Served) -> Delivery:
    with service.service.database.read() as session:
        return session.exec(select(Delivery)).one()
