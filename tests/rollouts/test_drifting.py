"""Every row of the sections, one after the other with one team."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import Running
from tests.rollouts.drifting import ADOPTION, DRIFT, MEANWHILE, Drifting
from tests.rollouts.owner import owner
from tests.rollouts.rows import Row


@pytest.fixture(scope="module")
def scene(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drifting]:
    folder = tmp_path_factory.mktemp("drifting")
    with owner(service.azure, folder / "owner") as by_sdk:
        scene = Drifting(service, folder, by_sdk)
        yield scene
        scene.team.leave()


@pytest.mark.parametrize("row", [*ADOPTION.rows, *DRIFT.rows, *MEANWHILE.rows], ids=lambda row: row.happens)
def test_what_others_do_ends_as_the_page_says(scene: Drifting, row: Row[Drifting]) -> None:
    assert row.carry_out(scene) == row.outcome
