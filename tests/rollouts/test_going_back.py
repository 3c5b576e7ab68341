"""Every row of the section, one after the other with one team: each makes the releases that it needs."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import Running
from tests.rollouts.going_back import GOING_BACK, GoingBack
from tests.rollouts.rows import Row


@pytest.fixture(scope="module")
def scene(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoingBack]:
    scene = GoingBack(service, tmp_path_factory.mktemp("going-back"))
    yield scene
    scene.team.leave()


FIRST, *OTHERS = (
    GOING_BACK.rows
)  # the others are in ``make test-all`` alone: what differs is proven in tests/rollbacks too


@pytest.mark.parametrize(
    "row", [FIRST, *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)], ids=lambda row: row.happens
)
def test_going_back_ends_as_the_page_says(scene: GoingBack, row: Row[GoingBack]) -> None:
    assert row.carry_out(scene) == row.outcome
