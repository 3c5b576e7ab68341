"""The processes behind one deployment, and the choice among them.

Azure runs ``instance_count`` machines with ``WORKER_COUNT`` workers each. Here every worker would be a process on one
machine, so their number is capped; how many requests are let in at once still counts every instance.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulator.online.replica import Probe, Replica

MAX_PROCESSES = 4


@dataclass(frozen=True)
class Container:
    """What a deployment's processes are started with."""

    environment: Mapping[str, str]
    folder: Path  # the code
    log_file: Path
    processes: int
    capacity: int  # requests at once; more are refused
    timeout: float  # seconds that a request may take
    readiness: Probe
    liveness: Probe


@dataclass(eq=False)
class Fleet:
    """The running processes of one revision of a deployment."""

    container: Container
    replicas: list[Replica] = field(default_factory=list)
    in_flight: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, *, patient: bool = False) -> None:
        """Return once every process is ready.

        When one fails: Crashed or NotReadyInTime, with none left running; if ``patient``, they are tried again and again.
        """
        at = self.container
        self.replicas = [
            Replica(at.environment, at.folder, at.log_file, at.readiness, at.liveness) for _ in range(at.processes)
        ]
        starts = [asyncio.create_task(each.start(patient=patient)) for each in self.replicas]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for each in starts:
                each.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.stop()
            raise

    async def stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self.replicas))

    async def retire(self) -> None:
        """Let the requests in flight end, then stop."""
        self._note_idle()
        with contextlib.suppress(TimeoutError):  # they have had the time that a request may take
            await asyncio.wait_for(self.idle.wait(), self.container.timeout)
        await self.stop()

    def admit(self) -> bool:
        """Whether one more request may come in; counted until ``release``."""
        if self.in_flight >= self.container.capacity:
            return False
        self.in_flight += 1
        self.idle.clear()
        return True

    def release(self) -> None:
        self.in_flight -= 1
        self._note_idle()

    def choose(self) -> Replica | None:
        """The ready process with the fewest requests; None when none is ready."""
        return min((each for each in self.replicas if each.ready), key=lambda each: each.in_flight, default=None)

    def _note_idle(self) -> None:
        if self.in_flight == 0:
            self.idle.set()


def processes(*, instances: int, environment: Mapping[str, str]) -> int:
    """How many processes a deployment of so many instances gets."""
    workers = environment.get("WORKER_COUNT", "1")
    each = int(workers) if workers.isdigit() and int(workers) > 0 else 1
    return min(instances * each, MAX_PROCESSES)
