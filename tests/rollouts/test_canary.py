"""Every row of the sections on gradual traffic: some at once, each test waits for its own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.journeys.running import Running
from tests.rollouts.canaries import Canaries
from tests.rollouts.canary import CANARY
from tests.rollouts.canary_proven import PROVEN, SHADOW
from tests.rollouts.canary_touched import TOUCHED
from tests.rollouts.rows import Row

pytestmark = pytest.mark.slow  # some minutes, for all of them

AT_ONCE = 8  # each has callers of its own: more of them, and what is measured is how busy this machine is
ROWS = [row for section in (SHADOW, PROVEN, CANARY, TOUCHED) for row in section.rows]  # the longest first
Measured = dict[int, Future[Mapping[str, str]]]  # by the number of the row


@pytest.fixture(scope="module")
def measured(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    scene = Canaries(service, tmp_path_factory.mktemp("canaries"))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="row") as pool:
        yield {number: pool.submit(row.carry_out, scene) for number, row in enumerate(ROWS)}


@pytest.mark.parametrize(("number", "row"), list(enumerate(ROWS)), ids=[row.happens for row in ROWS])
def test_canary_ends_as_the_page_says(measured: Measured, number: int, row: Row[Canaries]) -> None:
    assert measured[number].result(900) == row.outcome
