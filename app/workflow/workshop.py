"""What a worker works with."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import structlog
from sqlmodel import Session

from app.azureml.facade import AzureML
from app.bundles.unpacked import open_bundle
from app.database.connection import Database
from app.errors import Conflict, Unavailable
from app.guardrails.rules import Guardrails
from app.settings import Settings
from app.steps.contract import Interrupted, Step
from app.workers.service import WorkerIdentity, require_lease
from app.workflow.attempts import Budget
from app.workflow.line import Line
from app.workflow.queue import WorkQueue
from app.workflow.signals import Signals

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

AWAY_SECONDS = 0.5  # between two tries of a database that is away


@dataclass(frozen=True)
class Workshop:
    """One worker's tools, handed to everything that it carries out."""

    settings: Settings
    database: Database
    queue: WorkQueue
    azure: AzureML
    steps: Mapping[str, Step]
    signals: Signals
    worker: WorkerIdentity
    guardrails: Guardrails
    budget: Budget = field(default_factory=Budget)

    @cached_property
    def line(self) -> Line:
        return Line(self.database, fence=lambda session: require_lease(session, self.worker.id))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def write(self, work: Callable[[Session], Result]) -> Result:
        """Run ``work`` in a transaction that only the holder of a lease can commit.

        A database that is away for a moment is waited for as long as the lease is held. Raises Interrupted without a lease.
        """

        return self._insist(lambda: self.line.write(work))

    def read(self, query: Callable[[Session], Result]) -> Result:
        """Run ``query`` on one consistent view; waits and raises as ``write`` does."""

        def look() -> Result:
            with self.database.read() as session:
                return query(session)

        return self._insist(look)

    def bundle(self, digest: str) -> Path:
        """The files of a bundle, unpacked on this machine; waits and raises as ``read`` does."""
        return self._insist(lambda: open_bundle(self.database, digest, cache=self.settings.data / "bundles"))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder that goes with the attempt."""
        root = self.settings.data / "scratch"
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _insist(self, attempt: Callable[[], Result]) -> Result:
        while True:
            self.signals.require_lease()
            try:
                return attempt()
            except Unavailable as away:
                log.warning("database_away", error=str(away))
                self.signals.pause_for(AWAY_SECONDS)
            except Conflict as lost:
                if lost.code != "lease_lost":
                    raise
                if not self.signals.gets_lease_again():
                    raise Interrupted("released", lost.sentence) from lost
                self.signals.pause_for(AWAY_SECONDS)
