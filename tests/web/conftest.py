"""The service with its portal, and people who sit before it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app.identity.actor import SERVICE
from app.releases.tables import Rollout
from app.releasing.asking import ask_others_anew
from app.releasing.work import Work
from tests.api.conftest import anna, churn, plain_logs, service, settings, worker
from tests.api.playing import Worker, apply, ask, definition
from tests.api.serving import AUTHORITIES, Served

__all__ = ["anna", "churn", "plain_logs", "service", "settings", "worker"]

Open = Callable[..., httpx.Client]
AskForRelease = Callable[..., str]

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
COOKIE = "mlrelease"


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def portal(service: Served) -> Iterator[Open]:
    """``portal("berta", groups="risk")``: a browser in which berta is logged in; without a name nobody is."""
    opened: list[httpx.Client] = []

    def portal(name: str | None = None, *, groups: str = "") -> httpx.Client:
        browser = httpx.Client(base_url=service.url, headers=PAGE, trust_env=False, timeout=60, verify=AUTHORITIES)
        opened.append(browser)
        if name is not None:
            assert (
                browser.post(
                    "/login", data={"token": service.development_token, "name": name, "groups": groups}
                ).status_code
                == 303
            )
        return browser

    yield portal
    for each in opened:
        each.close()


@pytest.fixture
def ask_for_release(anna: httpx.Client, churn: str, worker: Worker) -> AskForRelease:
    """A release that anna asked for, which serves in dev and waits for people before prod; ``policy``, ``more``: of its plan."""

    def ask_for_release(*, note: str | None = None, job: str = "job-1", **planned: Any) -> str:
        release: str = ask(anna, model=churn, job=job, **({"note": note} if note else {}))["id"]
        worker.plan(release, **planned)
        worker.complete(release, "dev")
        return release

    return ask_for_release


@pytest.fixture
def waiting(ask_for_release: AskForRelease) -> str:
    return ask_for_release()


@pytest.fixture
def serve_another(anna: httpx.Client, worker: Worker) -> Callable[[], str]:
    """A release of another model that goes to the same endpoint and succeeds there."""

    def serve_another() -> str:
        assert apply(anna, definition("neighbour")).status_code == 201
        other: str = ask(anna, model="neighbour", job="job-2")["id"]
        worker.plan(other, approval=())
        for stage in ("dev", "prod"):
            worker.complete(other, stage)
        with Work(worker.releasing, SERVICE).transaction() as work:
            moved = work.get_one(Rollout, f"{other}:prod")
            ask_others_anew(work, moved)
        return other

    return serve_another
