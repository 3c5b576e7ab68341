"""What a role does not show is not there; what it does not allow is said in words. People come in through a real issuer."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.planning.observed import Observed
from app.serving.service import At, record_observed
from tests.api.playing import apply, ask, definition
from tests.api.serving import Served
from tests.identity.conftest import As, bearer, churn, holder, issuer, plain_logs, root, service, settings, worker
from tests.identity.issuer import TestIssuer
from tests.instant import InstantWorker
from tests.web.conftest import PAGE, database_kind

__all__ = [
    "bearer",
    "churn",
    "database_kind",
    "holder",
    "issuer",
    "plain_logs",
    "root",
    "service",
    "settings",
    "worker",
]


@pytest.fixture
def releases(root: httpx.Client, churn: str, worker: InstantWorker) -> tuple[str, str]:
    """A release of churn and one of another team's model, both before prod."""
    assert apply(root, definition("secret")).status_code == 201
    made: list[str] = [ask(root, model=model)["id"] for model in (churn, "secret")]
    for each in made:
        worker.prepare(each)
        worker.complete(each, "dev")
    return made[0], made[1]


@pytest.fixture
def boris(service: Served, issuer: TestIssuer) -> Iterator[httpx.Client]:
    """Who may operate churn, and neither approve it nor see anything else."""
    issuer.person = {"sub": "boris"}
    with httpx.Client(base_url=service.url, headers=PAGE, trust_env=False, timeout=60) as browser:
        begun = browser.get("/login")
        back = urlsplit(httpx.get(begun.headers["Location"], trust_env=False).headers["Location"])
        assert browser.get(f"{back.path}?{back.query}").status_code == 303
        yield browser


def test_hidden_release_is_answered_as_one_that_is_not_there(boris: httpx.Client, releases: tuple[str, str]) -> None:
    _, hidden = releases
    for place in ("", "/live", "/rollouts/prod"):
        seen = boris.get(f"/releases/{hidden}{place}")
        absent = boris.get(f"/releases/absent-1{place}")
        assert (seen.status_code, absent.status_code) == (404, 404)
        assert seen.text.replace(hidden, "absent-1") == absent.text
    assert hidden not in boris.get("/").text


def test_what_serves_of_a_hidden_model_is_not_there(
    boris: httpx.Client, root: httpx.Client, holder: As, service: Served
) -> None:
    for model in ("churn", "secret"):
        at = At(f"sub/rg/ws/{model}-prod", model=model, stage="prod")
        with UnitOfWork(service.service.database, SERVICE).transaction() as work:
            record_observed(work, at, Observed(traffic={"blue": 100}, mirror={}))
    hidden, shown = (root.get("/v1/targets", params={"model": each}).json()["items"][0] for each in ("secret", "churn"))
    operator = holder("operator:churn")

    assert operator.get("/v1/targets").json()["items"] == [shown]
    for place in ("", "/history"):
        answer = operator.get(f"/v1/targets/{hidden['id']}{place}")
        assert (answer.status_code, answer.json()["code"]) == (404, "target_not_found")
    assert boris.get(f"/targets/{hidden['id']}").status_code == 404
    listed = boris.get("/targets").text
    assert shown["endpoint"] in listed
    assert hidden["endpoint"] not in listed


def test_who_may_look_only_is_told_why_and_cannot_decide(
    boris: httpx.Client, root: httpx.Client, releases: tuple[str, str]
) -> None:
    shown, _ = releases
    place = f"/releases/{shown}/rollouts/prod"
    page = boris.get(place)
    assert "boris may not approve churn." in page.text
    assert 'name="answer"' not in page.text
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    digest = root.get(f"/v1{place}/plan").json()["digest"]

    forced = boris.post(place, data={"csrf_token": token, "plan_digest": digest, "answer": "approve"})

    assert forced.status_code == 403
    assert root.get(f"/v1/releases/{shown}").json()["status"] == "pending_approval"
