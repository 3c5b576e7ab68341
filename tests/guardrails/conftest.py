"""An installation without guardrails, to begin with."""

import pytest

from app.guardrails.file import read_guardrails
from app.settings import Settings
from tests.api.conftest import plain_logs, service, settings
from tests.api.serving import Served
from tests.guardrails.playing import Platform
from tests.instant import InstantWorker

__all__ = ["plain_logs", "service", "settings"]


@pytest.fixture
def platform(settings: Settings, service: Served) -> Platform:
    return Platform(
        anna=service.client("anna"),
        boris=service.client("boris"),
        worker=InstantWorker(settings, service.service.database, guardrails=read_guardrails(settings)),
    )
