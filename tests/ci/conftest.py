"""A service whose callers are pipelines: it knows them by the tokens of their issuer."""

import pytest

from tests.identity.conftest import bearer, churn, holder, issuer, plain_logs, root, service, settings, worker

__all__ = ["bearer", "churn", "holder", "issuer", "plain_logs", "root", "service", "settings", "worker"]


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"
