"""One running service for all sections of a test process."""

from collections.abc import Iterator

import pytest

from tests.journeys.conftest import FAMILY
from tests.journeys.running import Running, running


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("rollouts"),
        MLRELEASE_DATABASE_BUSY_SECONDS="30",  # many teams ask at once, of a machine that is busy
    ) as service:
        service.azure.set_quota(FAMILY, 4000)
        yield service
