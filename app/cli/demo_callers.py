"""Callers of the demo's model in production: an application that sends film reviews, before, during and after a release."""

import csv
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx

from app.cli.consumer import Application
from app.errors import Misconfigured

PER_SECOND = 12
_LONGEST_REVIEW = 600  # characters


class Callers:
    """Counts of requests, by the deployment that Azure ML says they went to; those that were never answered by ``NOBODY``."""

    NOBODY = "no answer"

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def __str__(self) -> str:
        return ", ".join(
            f"{self.requests[name]} to {name} ({self.failed[name]} failed)" for name in sorted(self.requests)
        )

    def count(self, deployment: str, *, is_answered: bool) -> None:
        self.requests[deployment] += 1
        self.failed[deployment] += not is_answered


@contextmanager
def calling(application: Application, reviews: Sequence[str]) -> Iterator[Callers]:
    """Real requests, one after the other, ``PER_SECOND`` or as many as are answered, until the ``with`` ends."""
    callers, over = Callers(), threading.Event()

    def call() -> None:
        due = time.monotonic()
        for review in cycle(reviews):
            if over.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due + 1 / PER_SECOND, time.monotonic() - 1)  # what it is behind by more is not made up for
            try:
                answer = application.send([review])
            except httpx.TransportError:
                callers.count(Callers.NOBODY, is_answered=False)
                continue
            callers.count(answer.headers.get("azureml-model-deployment", Callers.NOBODY), is_answered=answer.is_success)

    thread = threading.Thread(target=call, name="callers", daemon=True)
    thread.start()
    try:
        yield callers
    finally:
        over.set()
        thread.join()


def film_reviews(root: Path) -> list[str]:
    """Short ones of the data set that the model learns from, in an order that is always the same. Raises Misconfigured without it."""
    asked = subprocess.run(
        [sys.executable, "-m", "training.dataset"], cwd=root, capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        raise Misconfigured(f"The film reviews are not there: {asked.stderr.strip()}")
    with Path(asked.stdout.strip()).open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if len(row["text"]) <= _LONGEST_REVIEW]
    random.Random(0).shuffle(texts)  # noqa: S311 # an order, no secret
    return texts
