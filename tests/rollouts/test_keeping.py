"""Both rows of the section, one after the other, by a service that looks for idle deployments every two seconds."""

from collections.abc import Iterator

import pytest

from tests.journeys.conftest import FAMILY
from tests.journeys.running import running
from tests.rollouts.keeping import KEEPING, SWEEP_SECONDS, Keeping
from tests.rollouts.rows import Row


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    folder = tmp_path_factory.mktemp("keeping")
    with running(folder / "service", MLRELEASE_SWEEP_SECONDS=str(SWEEP_SECONDS)) as service:
        service.azure.set_quota(FAMILY, 4000)
        scene = Keeping(service, folder)
        yield scene
        scene.leave()


@pytest.mark.slow
@pytest.mark.parametrize("row", KEEPING.rows, ids=lambda row: row.happens)
def test_what_is_kept_is_what_the_page_says(scene: Keeping, row: Row[Keeping]) -> None:
    assert row.carry_out(scene) == row.outcome
