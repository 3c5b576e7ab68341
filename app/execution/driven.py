"""What a worker carries out now: nothing that it drives itself has been lost, and it ends once it drives nothing."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Driven:
    """What this process carries out at this moment: subjects, and the engine's workflows that are about them."""

    def __init__(self) -> None:
        self._subjects: Counter[str] = Counter()
        self._changed = threading.Condition()

    def __contains__(self, subject: str) -> bool:
        with self._changed:
            return self._subjects[subject] > 0

    @contextmanager
    def driving(self, *subjects: str) -> Iterator[None]:
        """Around whatever carries out a row's work."""
        self._count(subjects, 1)
        try:
            yield
        finally:
            self._count(subjects, -1)

    def wait_until_nothing(self, seconds: float) -> bool:
        """Wait until nothing is carried out here; False when something still is after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: not +self._subjects, timeout=seconds)

    def _count(self, subjects: tuple[str, ...], change: int) -> None:
        with self._changed:
            self._subjects.update(dict.fromkeys(subjects, change))
            self._changed.notify_all()
