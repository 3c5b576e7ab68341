"""The running service of the API's tests."""

from tests.api.conftest import anna, churn, planned, release, service, settings, waiting, worker

__all__ = ["anna", "churn", "planned", "release", "service", "settings", "waiting", "worker"]
