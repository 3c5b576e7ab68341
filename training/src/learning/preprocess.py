"""First step: verify the reviews, clean them, and hold out every fifth block of rows."""

import argparse
import logging
from pathlib import Path

from . import reviews

HELD_OUT_FOLD = 4


def main() -> None:
    """Write the reviews to train on and the reviews held out, each into a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--reviews", type=Path, help="the CSV file; by default the installed package's")
    arguments.add_argument("--train", type=Path, required=True)
    arguments.add_argument("--test", type=Path, required=True)
    given = arguments.parse_args()

    rows = list(reviews.cleaned(reviews.verified(given.reviews or reviews.locate())))
    train = [review for review in rows if review.fold != HELD_OUT_FOLD]
    test = [review for review in rows if review.fold == HELD_OUT_FOLD]
    reviews.write(train, given.train)
    reviews.write(test, given.test)
    logging.info("%d reviews: %d to train on, %d held out", len(rows), len(train), len(test))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
