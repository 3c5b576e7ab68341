"""Waiting for a condition, with patience: the machine may be busy."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.01


def wait_until(
    condition: Callable[[], Any], *, what: str, seconds: float = PATIENCE_SECONDS, every: float = LOOK_SECONDS
) -> Any:
    """Look again and again until the condition holds; what it gave then. Fails the test when it never does."""
    until = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)
    return seen
