"""The retry budget of a kind of step."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Tries of what may pass. Waiting burns none of them."""

    tries: int = 8
    first_wait: float = 1.0  # seconds; doubles from try to try
    longest_wait: float = 60.0  # seconds

    def wait_before(self, retry: int) -> float:
        """Seconds before the retry of this number, from 1."""
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** min(retry - 1, 30))
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads load, guards nothing
