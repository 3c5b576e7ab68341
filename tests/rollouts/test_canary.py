"""Every row of the section: all begin together, each test waits for its own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future

import pytest

from tests.journeys.running import Running
from tests.rollouts.canary import CANARY, Canaries, all_side_by_side
from tests.rollouts.rows import Row

pytestmark = pytest.mark.slow  # some minutes, for all of them


@pytest.fixture(scope="module")
def measured(
    service: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Mapping[str, str]]]]:
    with all_side_by_side(Canaries(service, tmp_path_factory.mktemp("canaries"))) as measured:
        yield measured


@pytest.mark.parametrize("row", CANARY.rows, ids=lambda row: row.happens)
def test_canary_ends_as_the_page_says(measured: dict[str, Future[Mapping[str, str]]], row: Row[Canaries]) -> None:
    assert measured[row.happens].result(900) == row.outcome
