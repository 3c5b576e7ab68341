"""Every row of the table, through the real service and the emulated Azure; and the page that shows it."""

from collections.abc import Iterator

import pytest

from tests.faults.carrying_out import Carrier, count_environments
from tests.faults.document import DOCUMENT, written
from tests.faults.rows import Row
from tests.faults.table import READ_SECONDS, TABLE, TRIES
from tests.topology import Topology

by_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Carrier]:
    """All releases of the rows that were asked for, begun at once, several side by side."""
    chosen = [item.callspec.params.get("row") for item in request.session.items if hasattr(item, "callspec")]
    rows = [row for row in TABLE if any(row is each for each in chosen)]
    folder = tmp_path_factory.mktemp("faults")
    with Topology(
        folder,
        f"sqlite:///{folder / 'service.db'}",
        lease_seconds=30,  # nobody loses one here
        environments=count_environments(rows),
        variables={
            "MLRELEASE_READ_SECONDS": str(READ_SECONDS),
            "MLRELEASE_RETRY_TRIES": str(TRIES),
            "MLRELEASE_RETRY_FIRST_SECONDS": "0.2",
            "MLRELEASE_POLL_SECONDS": "0.2",
        },
    ) as topology:
        topology.start_worker()
        topology.train(topology.new_team("fault"))
        carrier = Carrier(topology, rows)
        yield carrier
        carrier.close()


@pytest.mark.slow
@by_row
def test_fault_ends_as_the_table_says(carrier: Carrier, row: Row) -> None:
    seen = carrier.seen(row)
    step = seen.step(row)

    told = f"{step['status']}: {step['code']}: {step['sentence']}"
    assert step["status"] == {"succeeds": "succeeded"}.get(row.outcome, row.outcome), told
    assert step["attempts"] == row.tries, told
    if row.code:
        assert step["code"] == row.code, told
    for words in row.says:
        assert words in step["sentence"], told
    assert seen.left == row.left
    assert seen.release["status"] == row.release_ends
    assert seen.shortest_wait(row) >= row.fault.waits


def test_page_shows_this_table() -> None:
    assert DOCUMENT.read_text() == written(), "run python -m tests.faults.document"
