"""What is in memory only: the fleets that serve and the fleets that are about to, by deployment."""

import asyncio
import shutil
from dataclasses import dataclass, field
from typing import cast

from emulator.online.fleet import Fleet
from emulator.online.metrics import Metrics
from emulator.state import Emulator
from emulator.store import Document

Key = tuple[str, str, str]  # workspace, endpoint, deployment; lower case


@dataclass(eq=False)
class Runtime:
    """The processes of one emulator and what their requests measured."""

    metrics: Metrics
    serving: dict[Key, Fleet] = field(default_factory=dict)
    starting: dict[Key, Fleet] = field(default_factory=dict)
    # Set once a deployment that served before the emulator was restarted serves again, or cannot.
    returning: dict[Key, asyncio.Event] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    closing: bool = False

    async def remove(self, key: Key) -> None:
        """End everything that runs for a deployment."""
        for fleets in (self.starting, self.serving):
            fleet = fleets.pop(key, None)
            if fleet is not None:
                await fleet.stop()

    async def replace(self, key: Key, fleet: Fleet) -> None:
        """From now on this fleet serves; the one before ends its requests and goes."""
        before = self.serving.get(key)
        self.serving[key] = fleet
        if before is not None:
            await before.retire()

    async def shutdown(self) -> None:
        self.closing = True
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        fleets = [*self.starting.values(), *self.serving.values()]
        await asyncio.gather(*(each.stop() for each in fleets))
        self.metrics.flush()


def key(document: Document) -> Key:
    """The key of a deployment's document."""
    return document["workspace"].lower(), document["endpoint"].lower(), document["name"].lower()


def of(azure: Emulator) -> Runtime:
    return cast(Runtime, azure.rooms["online"])


def forget_files(azure: Emulator, *parts: str) -> None:
    """Remove what the processes of an endpoint or deployment left on disk."""
    shutil.rmtree(azure.data.joinpath("online", *(part.lower() for part in parts)), ignore_errors=True)
