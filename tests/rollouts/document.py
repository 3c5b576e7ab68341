"""The sections as a page for people: ``python -m tests.rollouts.document`` writes it, and a test sees that it is theirs."""

from pathlib import Path
from typing import Any

from tests.rollouts.canary import CANARY
from tests.rollouts.canary_proven import PROVEN, SHADOW
from tests.rollouts.canary_touched import TOUCHED
from tests.rollouts.drifting import ADOPTION, DRIFT, MEANWHILE
from tests.rollouts.going_back import GOING_BACK
from tests.rollouts.keeping import KEEPING
from tests.rollouts.registered import REGISTERED
from tests.rollouts.rows import Section

DOCUMENT = Path(__file__).parents[2] / "docs" / "rollouts.md"
SECTIONS: tuple[Section[Any], ...] = (
    GOING_BACK,
    ADOPTION,
    DRIFT,
    MEANWHILE,
    KEEPING,
    REGISTERED,
    CANARY,
    TOUCHED,
    PROVEN,
    SHADOW,
)

_HEAD = """# What becomes of a rollout

Written by `python -m tests.rollouts.document` from the tables that `tests/rollouts/` carries out: each line is a test, through the real
service, the unmodified Azure SDK and the emulated Azure, with models that answer. What stands in a line was measured by its test.
"""


def written() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_section, SECTIONS))


def _section(section: Section[Any]) -> str:
    columns = list(section.rows[0].outcome)
    lines = [_line([row.happens, *(row.outcome[each] for each in columns)]) for row in section.rows]
    rule = f"|{'---|' * (len(columns) + 1)}\n"
    return f"\n## {section.title}\n\n{section.says}\n\n{_line(['what happens', *columns])}{rule}{''.join(lines)}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written())
