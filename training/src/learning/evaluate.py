"""Third step: measure the model on the blocks held out, and refuse one that is not good enough to release."""

import argparse
import json
import logging
import sys
from pathlib import Path

from . import artefact, reviews
from .measures import measure
from .model_card import model_card
from .tracking import log_metrics

GATED = "accuracy_imdb"  # the source that is published on, so the number compares with the literature


def main() -> None:
    """Write metrics.json and model_card.md, log the metrics, then hold the gate."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--test", type=Path, required=True)
    arguments.add_argument("--metrics", type=Path, required=True)
    arguments.add_argument("--minimum-accuracy", type=float, default=0.89, help=f"the least {GATED} to pass")
    given = arguments.parse_args()

    rows = reviews.read(given.test)
    measured = measure(artefact.load(given.model), rows)
    given.metrics.mkdir(parents=True, exist_ok=True)
    (given.metrics / "metrics.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    (given.metrics / "model_card.md").write_text(model_card(measured), encoding="utf-8")
    logging.info(json.dumps(measured, indent=2))
    log_metrics({name: value for name, value in measured.items() if isinstance(value, int | float)})

    if measured[GATED] < given.minimum_accuracy:
        sys.exit(f"not good enough to release: {GATED} is {measured[GATED]:.4f}, below {given.minimum_accuracy}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
