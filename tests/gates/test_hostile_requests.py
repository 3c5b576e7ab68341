"""What is not from GitHub or Azure DevOps, or leads elsewhere, is refused, and nothing is kept of it."""

from typing import Any

import httpx
import pytest
from sqlmodel import select

from app.gates.github import require_github
from app.gates.tables import Gate
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.serving import Served, problem_of
from tests.gates.ci_systems import Github, protection_rule, send_check, send_rule
from tests.notifications.receiving import Receiver

pytestmark = on_sqlite


@pytest.fixture(autouse=True)
def nothing_is_kept(service: Served) -> Any:
    yield
    with service.service.database.read() as session:
        assert session.exec(select(Gate)).all() == []


def test_signature_is_that_of_githubs_documentation(settings: Settings) -> None:
    require_github(
        settings,
        b"Hello, World!",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    )


UNSIGNED = ["", "sha256=", "sha1=0", "sha256=" + "0" * 64, "sha256=ü"]


def test_request_without_githubs_signature_is_refused(caller: httpx.Client, github: Github) -> None:
    for signature in UNSIGNED:
        answer = caller.post(
            "/gates/github",
            json=protection_rule(github.api),
            headers={b"X-GitHub-Event": b"deployment_protection_rule", b"X-Hub-Signature-256": signature.encode()},
        )

        problem_of(answer, 401, "signature_invalid")


ELSEWHERE = [
    "https://evil.example/repos/team/churn/actions/runs/99/deployment_protection_rule",
    "{api}.evil.example/repos/team/churn/actions/runs/99/deployment_protection_rule",
    "{api}@evil.example/repos/team/churn/actions/runs/99/deployment_protection_rule",
    "{api}/repos/../churn/actions/runs/99/deployment_protection_rule",
    "{api}/repos/team/churn/actions/runs/99/deployment_protection_rule?x",
    "{api}/repos/team/churn/actions/runs/99/../../deployment_protection_rule",
    "{api}/repos/team/churn/actions/runs/９9/deployment_protection_rule",
    None,
    7,
]


def test_callback_that_leads_elsewhere_is_refused(caller: httpx.Client, github: Github) -> None:
    for place in ELSEWHERE:
        url = place.format(api=github.api) if isinstance(place, str) else place

        problem_of(send_rule(caller, protection_rule(github.api, deployment_callback_url=url)), 422, "callback_refused")


MALFORMED: list[dict[str, Any]] = [
    {"deployment": {"id": 7, "sha": "main"}},
    {"deployment": {"id": True, "sha": "0" * 40}},
    {"deployment": [7]},
    {"environment": ""},
    {"environment": "x" * 256},
    {"environment": ["production"]},
    {"installation": None},
    {"repository": {"id": "4711"}},
    {"repository": {"id": 2**70}},
]


def test_malformed_request_of_github_is_refused(caller: httpx.Client, github: Github) -> None:
    for more in MALFORMED:
        problem_of(send_rule(caller, protection_rule(github.api, **more)), 422, "malformed")


def test_environment_that_is_not_set_is_named(caller: httpx.Client, github: Github) -> None:
    problem = problem_of(send_rule(caller, protection_rule(github.api, environment="staging")), 404, "gate_not_set_up")

    assert "'staging' of repository 4711" in problem["detail"]


NOTHING = [{}, [], "x", 7, None, {"action": "created"}]


def test_what_asks_for_nothing_is_taken_and_forgotten(caller: httpx.Client) -> None:
    for document in NOTHING:
        assert send_rule(caller, document).status_code == 204
        assert send_rule(caller, {"zen": "Keep it logically awesome."}, event="ping").status_code == 204


def test_body_that_is_too_deep_or_too_large_is_refused(caller: httpx.Client, devops: Receiver) -> None:
    nested: Any = []
    for _ in range(500):
        nested = [nested]
    assert send_rule(caller, nested).status_code == 204
    problem_of(send_rule(caller, {"x": "x" * 300_000}), 413, "request_too_large")
    problem_of(send_check(caller, devops.url(path="/team/"), body={"x": "x" * 300_000}), 413, "request_too_large")


def test_check_without_the_password_is_refused(caller: httpx.Client, devops: Receiver) -> None:
    for headers in (
        {"password": "guessed"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic %%%"},
        {"Authorization": ""},
    ):
        problem_of(send_check(caller, devops.url(path="/team/"), **headers), 401, "password_wrong")


COLLECTIONS = [
    "https://evil.example/team/",
    "{devops}.evil.example/team/",
    "{devops}/team/../other/",
    "{devops}/",
    "{devops}/team/?x=",
    "",
]


@pytest.mark.usefixtures("churn")
def test_token_goes_to_no_other_organisation(caller: httpx.Client, devops: Receiver) -> None:
    for collection in COLLECTIONS:
        answer = send_check(caller, collection.format(devops=devops.url(path="")))

        problem_of(answer, 422, "callback_refused")


CHECKS: list[tuple[dict[str, Any], str]] = [
    ({"body": {}}, "malformed"),
    ({"body": {"model": "churn", "stage": "dev", "commit": "main"}}, "malformed"),
    ({"body": {"model": "churn", "stage": "nowhere", "commit": "0" * 40}}, "stage_unknown"),
    ({"PlanId": "../x"}, "malformed"),
    ({"TaskInstanceId": ""}, "malformed"),
    ({"HubName": "checks/../x"}, "malformed"),
    ({"AuthToken": ""}, "malformed"),
]


@pytest.mark.usefixtures("churn")
def test_malformed_check_is_refused(caller: httpx.Client, devops: Receiver) -> None:
    for more, code in CHECKS:
        problem_of(send_check(caller, devops.url(path="/team/"), **more), 422, code)


def test_check_of_an_unknown_model_is_refused(caller: httpx.Client, devops: Receiver) -> None:
    body = {"model": "nothing", "stage": "dev", "commit": "0" * 40}

    problem_of(send_check(caller, devops.url(path="/team/"), body=body), 404, "model_not_found")
