"""Where figures are kept: one section for each benchmark in ``.mlrelease/bench.json``."""

import json
from collections.abc import Mapping
from pathlib import Path

FIGURES = Path(__file__).parents[1] / ".mlrelease" / "bench.json"


def record(section: str, figures: Mapping[str, object]) -> None:
    """Keep the figures of one benchmark; those of the others stay."""
    FIGURES.parent.mkdir(exist_ok=True)
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps(kept | {section: figures}, indent=2) + "\n")


def per_database(ratios: Mapping[str, Mapping[str, float]], raw: Mapping[str, object]) -> dict[str, object]:
    """One section: each ratio on the database where it is lowest, then those of each database, then what was measured."""
    names = {name: None for each in ratios.values() for name in each}
    lowest = {name: min(each[name] for each in ratios.values() if name in each) for name in names}
    return {**lowest, "by_database": ratios, "raw": raw}
