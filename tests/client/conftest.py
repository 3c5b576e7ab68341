"""The client, of a running service."""

from collections.abc import Iterator

import pytest

from mlrelease_client import Client
from tests.api.conftest import anna, churn, plain_logs, planned, release, service, settings, waiting, worker
from tests.api.serving import Served

__all__ = ["anna", "churn", "plain_logs", "planned", "release", "service", "settings", "waiting", "worker"]


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def client(service: Served) -> Iterator[Client]:
    with Client(service.url, auth=service.login("anna")) as client:
        yield client
