"""What runs at this moment: the tasks of running jobs, so that they can be cancelled, and the places they run in.

Tasks live in memory by nature; what must outlast a restart is in the store (see ``runs``).
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from emulator.state import Emulator

# Steps that run side by side. Azure has a node for each; this is one machine that also serves.
PLACES = 2


@dataclass
class Live:
    """The running jobs of one emulator, by workspace and name."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))
    tasks: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)

    def cancel(self, workspace: str, job: str) -> bool:
        """Interrupt the job's task; False when it has not begun or is over."""
        task = self.tasks.get((workspace.lower(), job.lower()))
        return task is not None and task.cancel()


_all: dict[Path, Live] = {}


def live(azure: Emulator) -> Live:
    """The running jobs of this emulator."""
    return _all.setdefault(azure.data, Live())


def forget(azure: Emulator) -> None:
    """Drop what was kept for an emulator that ends; its event loop goes with it."""
    _all.pop(azure.data, None)
