"""An installation in which one model was released several times, by a worker whose steps are instant."""

import pytest

from tests.api.conftest import plain_logs, service, settings
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage
from tests.rollbacks.going_back import Going

__all__ = ["plain_logs", "platform", "service", "settings"]


@pytest.fixture
def going(platform: Platform) -> Going:
    platform.apply(stage())
    return Going(platform)
