"""Learns how telling each word is, from the reviews: all that the extractive summarizer needs to know."""

import argparse
import logging
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from . import artefact, reviews
from .tracking import log_metrics


def main() -> None:
    """Fit inverse document frequencies on all reviews; fill the output folder ``model``."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--reviews", type=Path, help="the CSV file; by default the installed package's")
    arguments.add_argument("--model", type=Path, required=True)
    given = arguments.parse_args()

    texts = [row.text for row in reviews.cleaned(reviews.verified(given.reviews or reviews.locate()))]
    words = TfidfVectorizer(stop_words="english", min_df=5, sublinear_tf=True)
    words.fit(texts)
    digest = artefact.save(Pipeline([("words", words)]), given.model)

    logging.info("%d words from %d reviews; SHA-256 %s", len(words.vocabulary_), len(texts), digest)
    log_metrics({"words": len(words.vocabulary_), "n_train": len(texts)})


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
