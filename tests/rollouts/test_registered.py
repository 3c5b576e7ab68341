"""Every row of the section, one after the other with one team."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import Running
from tests.rollouts.registered import REGISTERED, Registered
from tests.rollouts.rows import Row


@pytest.fixture(scope="module")
def scene(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    scene = Registered(service, tmp_path_factory.mktemp("registered"))
    yield scene
    scene.team.leave()


@pytest.mark.parametrize("row", REGISTERED.rows, ids=lambda row: row.happens)
def test_registered_model_is_released_as_the_page_says(scene: Registered, row: Row[Registered]) -> None:
    assert row.carry_out(scene) == row.outcome
