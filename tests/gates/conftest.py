"""The service, GitHub and Azure DevOps beside it, and a notifier that answers them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.chat.wiring import open_notifier
from app.gates.service import announce_to_gates
from app.gates.wiring import gate_senders
from app.notifications.notifier import Notifier
from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION, anna, churn, plain_logs, worker
from tests.api.serving import Served, serving
from tests.gates.ci_systems import APP, COMMIT, PASSWORD, SECRET, Github
from tests.instant import InstantWorker
from tests.notifications.receiving import Receiver, receiving

__all__ = ["anna", "churn", "plain_logs", "worker"]


@pytest.fixture
def github() -> Iterator[Github]:
    with receiving() as receiver:
        yield Github(receiver)


@pytest.fixture
def devops() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def settings(database_url: str, tmp_path: Path, github: Github, devops: Receiver) -> Settings:
    key = tmp_path / "github.pem"
    key.write_text(github.private_pem())
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
        development_login=True,
        signing_keys=SecretStr("k" * 40),
        notify_poll_seconds=0.02,
        github_api=github.api,
        github_app=APP,
        github_app_key_file=key,
        github_webhook_secret=SecretStr(SECRET),
        github_gates={"4711/production": "churn/dev"},
        pipelines_secret=SecretStr(PASSWORD),
        pipelines_urls=(devops.url(path="/team/"),),
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Served]:
    with serving(settings) as served:
        yield served


@pytest.fixture
def caller(service: Served) -> httpx.Client:
    """GitHub's and Azure DevOps' servers, as the service sees them."""
    return service.client(None)


@pytest.fixture
def notifier(service: Served) -> Iterator[Notifier]:
    settings = service.service.settings
    notifier = open_notifier(
        settings, service.service.database, senders=gate_senders(settings), announcers=[announce_to_gates]
    )
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()
        notifier.wait_until_stopped()


@pytest.fixture
def of_commit(worker: InstantWorker) -> InstantWorker:
    """The worker, of whose releases the content comes from the commit that runs are held for."""
    worker.content = {"git_commit": COMMIT}
    return worker
