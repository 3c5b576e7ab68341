"""The service of ``tests/identity``: attackers find what everybody finds."""

from tests.identity.conftest import (
    bearer,
    churn,
    holder,
    issuer,
    plain_logs,
    planned,
    root,
    service,
    settings,
    worker,
)

__all__ = ["bearer", "churn", "holder", "issuer", "plain_logs", "planned", "root", "service", "settings", "worker"]
