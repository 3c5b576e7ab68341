"""Every row of both sections, one after the other with one team."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import Running
from tests.rollouts.drifting import ADOPTION, DRIFT, Drifting
from tests.rollouts.rows import Row


@pytest.fixture(scope="module")
def scene(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drifting]:
    scene = Drifting(service, tmp_path_factory.mktemp("drifting"))
    yield scene
    scene.team.leave()


@pytest.mark.parametrize("row", [*ADOPTION.rows, *DRIFT.rows], ids=lambda row: row.happens)
def test_what_others_do_ends_as_the_page_says(scene: Drifting, row: Row[Drifting]) -> None:
    assert row.carry_out(scene) == row.outcome
