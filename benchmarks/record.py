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
