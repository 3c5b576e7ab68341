"""Training steps, run as Azure ML runs them, and what they wrote."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Step = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Trained:
    """What the three steps wrote."""

    train: Path
    test: Path
    model: Path
    metrics: Path
