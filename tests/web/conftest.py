"""The service with its portal, and people who sit before it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import anna, churn, plain_logs, service, settings, worker
from tests.api.playing import apply, ask, definition
from tests.api.serving import AUTHORITIES, Served
from tests.instant import InstantWorker

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
def ask_for_release(anna: httpx.Client, churn: str, worker: InstantWorker) -> AskForRelease:
    """A release that anna asked for, which serves in dev and waits for people before prod.

    ``approval``: who must approve, where that is not as ``churn`` says; ``content``: of what its job gave.
    """

    def ask_for_release(
        *,
        note: str | None = None,
        job: str = "job-1",
        approval: dict[str, Any] | str | None = None,
        content: dict[str, Any] | None = None,
    ) -> str:
        if approval is not None:
            assert apply(anna, definition(approval=approval)).status_code == 201
        worker.content = content or {}
        release: str = ask(anna, model=churn, job=job, **({"note": note} if note else {}))["id"]
        worker.prepare(release)
        worker.complete(release, "dev")
        return release

    return ask_for_release


@pytest.fixture
def waiting(ask_for_release: AskForRelease) -> str:
    return ask_for_release()


@pytest.fixture
def serve_another(anna: httpx.Client, worker: InstantWorker) -> Callable[[], str]:
    """A release of another model that goes to the same endpoint and succeeds there."""

    def serve_another() -> str:
        assert apply(anna, definition("neighbour", approval="none")).status_code == 201
        other: str = ask(anna, model="neighbour", job="job-2")["id"]
        worker.prepare(other)
        for stage in ("dev", "prod"):
            worker.complete(other, stage)
        return other

    return serve_another
