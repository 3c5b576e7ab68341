"""Callers of an endpoint, who go on asking while something is moved there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.cli.consumer import Consumer
from app.errors import MlreleaseError
from tests.journeys.team import Team


class Callers:
    """How many requests were answered so far, and what became of the others."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed: list[str] = []

    def __str__(self) -> str:
        return "none" if not self.failed else f"{len(self.failed)} of {len(self.failed) + self.answered}"


@contextmanager
def calling(team: Team, endpoint: str) -> Iterator[Callers]:
    """An application of the team's, as ``calling_by``."""
    consumer = Consumer(team.service.azure.environment)
    vault = "kv-prod" if endpoint.endswith("-prod") else "kv-dev"

    def ask() -> None:
        consumer.ask(endpoint, vault, [1])  # type: ignore[list-item] # numbers are what this model takes

    with calling_by(ask, errors=(MlreleaseError, OSError)) as callers:
        yield callers


@contextmanager
def calling_by(ask: Callable[[], None], *, errors: tuple[type[Exception], ...]) -> Iterator[Callers]:
    """One request after the other, from before the ``with`` to its end. ``errors``: what one that fails raises."""
    callers, over, begun = Callers(), threading.Event(), threading.Event()

    def go_on_asking() -> None:
        while not over.is_set():
            try:
                ask()
                callers.answered += 1
            except errors as no:
                callers.failed.append(str(no))
            begun.set()

    caller = threading.Thread(target=go_on_asking, daemon=True)
    caller.start()
    assert begun.wait(30), "a caller was answered"
    try:
        yield callers
    finally:
        over.set()
        caller.join(60)
