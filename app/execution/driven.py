"""What a worker carries out now: nothing that it drives itself has been lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Driven:
    """What this process carries out at this moment: subjects, and the engine's workflows that are about them."""

    def __init__(self) -> None:
        self._subjects: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __contains__(self, subject: str) -> bool:
        with self._lock:
            return self._subjects[subject] > 0

    @contextmanager
    def driving(self, *subjects: str) -> Iterator[None]:
        """Around whatever carries out a row's work."""
        with self._lock:
            self._subjects.update(subjects)
        try:
            yield
        finally:
            with self._lock:
                self._subjects.subtract(subjects)
