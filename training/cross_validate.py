"""Prints five-fold accuracy over blocks of 250 rows: the numbers that the documentation quotes.

Takes about two minutes: python -m training.cross_validate
"""

import logging

from training.src.learning import nbsvm, reviews
from training.src.learning.measures import measure

MEASURES = ("accuracy", "accuracy_imdb", "accuracy_rotten_tomatoes", "auc")


def main() -> None:
    """Fit five times, each time without every fifth block, and measure on those blocks."""
    rows = list(reviews.cleaned(reviews.verified(reviews.locate())))
    folds = []
    for fold in range(reviews.FOLDS):
        train = [row for row in rows if row.fold != fold]
        model = nbsvm.fit([row.text for row in train], [row.label for row in train])
        folds.append(measure(model, [row for row in rows if row.fold == fold]))
        logging.info("fold %d  %s", fold, _line(folds[-1]))
    mean = {name: sum(measured[name] for measured in folds) / len(folds) for name in MEASURES}
    logging.info("mean    %s", _line(mean))


def _line(measured: dict[str, float]) -> str:
    return "  ".join(f"{name} {measured[name]:.4f}" for name in MEASURES)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
