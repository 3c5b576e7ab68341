"""Second step: fit the model and write it with its digest."""

import argparse
import logging
from pathlib import Path

from . import artefact, nbsvm, reviews
from .tracking import log_metrics


def main() -> None:
    """Fit on the reviews that preprocess wrote; fill the output folder ``model``."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--train", type=Path, required=True)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--c", type=float, default=0.1, help="inverse strength of regularisation")
    arguments.add_argument("--min-df", type=int, default=10, help="reviews that a word or pair must occur in")
    given = arguments.parse_args()

    rows = reviews.read(given.train)
    texts, labels = [row.text for row in rows], [row.label for row in rows]
    model = nbsvm.fit(texts, labels, c=given.c, min_df=given.min_df)
    digest = artefact.save(model, given.model)

    features = len(model.named_steps["words"].vocabulary_)
    logging.info("%d features from %d reviews; SHA-256 %s", features, len(rows), digest)
    log_metrics({"features": features, "n_train": len(rows)})


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
