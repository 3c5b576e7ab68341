"""The table as a page for people: ``python -m tests.faults.document`` writes it, and a test sees that it is the table's."""

from pathlib import Path

from tests.faults.rows import Row
from tests.faults.table import TABLE, TRIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"

_HEAD = f"""# What becomes of a release when Azure fails

Written by `python -m tests.faults.document` from the table that `tests/faults/` carries out: each line is a test, through a real
worker, the unmodified Azure SDK and the emulated Azure. The tests give a step {TRIES} tries with short waits between;
`MLRELEASE_RETRY_TRIES`, `MLRELEASE_RETRY_FIRST_SECONDS`, `MLRELEASE_RETRY_LONGEST_SECONDS` and `MLRELEASE_READ_SECONDS` set what a
worker does.

- **succeeds**: the release goes on; nothing is lost or made twice. A Retry-After is waited for, by a wait that can be interrupted.
- **failed**: Azure works, and the answer is no. **errored**: something technical. Either ends the release as failed, with Azure's
  words in its sentence; `mlrelease release retry` goes on from that step and keeps what is done.
- **left in Azure**: at the stage where the release ended. What served before goes on serving.
"""


def written() -> str:
    """The whole page."""
    steps = list(dict.fromkeys(row.step for row in TABLE))
    return _HEAD + "".join(_section(step, [row for row in TABLE if row.step == step]) for step in steps)


def _section(step: str, rows: list[Row]) -> str:
    lines = [f"| {row.fault.name} | {row.outcome_in_words} | {row.release_ends} | {row.left} |\n" for row in rows]
    head = "| fault | outcome of the step | release | left in Azure |\n|---|---|---|---|\n"
    return f"\n## {step}\n\n{head}{''.join(lines)}"


if __name__ == "__main__":
    DOCUMENT.write_text(written())
