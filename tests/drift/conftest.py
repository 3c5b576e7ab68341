"""An installation whose worker finds at its targets what the test puts there."""

from tests.guardrails.conftest import plain_logs, platform, service, settings

__all__ = ["plain_logs", "platform", "service", "settings"]
