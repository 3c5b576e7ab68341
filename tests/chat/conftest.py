"""The service, a Slack beside it, and a notifier between the two."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.chat.wiring import open_notifier
from app.notifications.notifier import Notifier
from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION
from tests.api.playing import apply, as_json, ask, definition
from tests.api.serving import Served, serving
from tests.chat.slack import SECRET, TOKEN, Slack, slack_workspace
from tests.instant import InstantWorker

PEOPLE = """
people:
  - {name: anna, slack: U0ANNA, grants: [{role: approver}]}
  - {name: berta, slack: U0BERTA, grants: [{role: approver, models: [churn]}]}
  - {name: olga, slack: U0OLGA, grants: [{role: operator}]}
  - {name: carl, slack: U0CARL, grants: [{role: viewer}, {role: approver, models: [another]}]}
"""


@pytest.fixture
def slack() -> Iterator[Slack]:
    with slack_workspace() as slack:
        yield slack


@pytest.fixture
def settings(database_url: str, tmp_path: Path, slack: Slack) -> Settings:
    access = tmp_path / "access.yml"
    access.write_text(PEOPLE)
    return Settings(
        access=access,
        development_login=True,
        data=tmp_path / "data",
        database_url=database_url,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
        slack_url=slack.url,
        slack_token=SecretStr(TOKEN),
        slack_signing_secret=SecretStr(SECRET),
        slack_channels={"*": "C0PROD"},
        notify_poll_seconds=0.02,
        public_url="http://127.0.0.1:8400",
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Served]:
    with serving(settings) as served:
        yield served


@pytest.fixture
def caller(service: Served) -> httpx.Client:
    """Slack's servers, as the service sees them."""
    return service.client("nobody")


def status_of(service: Served, release: str) -> str:
    status: str = as_json(service.client("zoe").get(f"/v1/releases/{release}"))["status"]
    return status


@contextmanager
def notifying(service: Served) -> Iterator[Notifier]:
    notifier = open_notifier(service.service.settings, service.service.database)
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()
        notifier.wait_until_stopped()


@pytest.fixture
def notifier(service: Served) -> Iterator[Notifier]:
    with notifying(service) as notifier:
        yield notifier


@pytest.fixture
def worker(service: Served) -> InstantWorker:
    return InstantWorker(service.service.settings, service.service.database)


@pytest.fixture
def ask_for_release(service: Served, worker: InstantWorker) -> Callable[..., str]:
    """A release that serves in dev and waits to be approved for prod; its id."""
    zoe = service.client("zoe")
    assert apply(zoe, definition()).status_code == 201

    def ask_for_release(**more: str) -> str:
        release: str = ask(zoe, **more)["id"]
        worker.prepare(release)
        worker.complete(release, "dev")
        return release

    return ask_for_release
