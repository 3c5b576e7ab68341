"""The running service of the API's tests, for those who mean it harm."""

from tests.api.conftest import anna, churn, planned, release, service, settings, waiting, worker

__all__ = ["anna", "churn", "planned", "release", "service", "settings", "waiting", "worker"]
