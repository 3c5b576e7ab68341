"""The context of a worker: its database, Azure ML, settings and signals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlmodel import Session

from app.azureml.facade import AzureML
from app.bundles.unpacked import open_bundle
from app.database.connection import Database
from app.errors import Conflict, Unavailable
from app.execution.batch_writer import BatchWriter
from app.execution.driven import Driven
from app.execution.scratch import SCRATCH, scratch_folder
from app.execution.signals import Signals
from app.guardrails.rules import Guardrails
from app.planning.budget import Budget
from app.planning.checks import Check
from app.planning.content import Content
from app.planning.places import Target
from app.preflight.content_wanted import ContentWanted
from app.preflight.look_at_target import TargetSeen, TargetWanted, look_at_target
from app.preflight.looking import Preflight
from app.preflight.preflight import preflight
from app.preflight.resolve_content import resolve_content
from app.releasing.on_record import RecordCache
from app.releasing.queue import WorkQueue
from app.releasing.work import Releasing, Work
from app.settings import Settings
from app.steps.contract import Context, Interrupted, Step
from app.steps.read_target import Found, read_target
from app.workers.service import WorkerIdentity, require_lease

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

AWAY_SECONDS = 0.5  # between two tries of a database that is away


@dataclass(frozen=True)
class Lookups:
    """What is asked of Azure before a release is planned, and between releases."""

    resolve_content: Callable[[Context, ContentWanted], Content]
    preflight: Callable[[Context, Preflight], list[Check]]
    look_at_target: Callable[[Context, TargetWanted], TargetSeen]
    read_target: Callable[[Target, str | None], Found]  # with the Key Vault that has its secrets, if any

    @classmethod
    def of(cls, azure: AzureML) -> "Lookups":
        return cls(
            partial(resolve_content, azure),
            partial(preflight, azure),
            partial(look_at_target, azure),
            partial(read_target, azure),
        )


@dataclass(frozen=True)
class WorkerContext:
    """One worker's tools, handed to everything that it carries out."""

    settings: Settings
    database: Database
    queue: WorkQueue
    azure: AzureML
    lookups: Lookups
    steps: Mapping[str, Step]
    signals: Signals
    identity: WorkerIdentity
    guardrails: Guardrails
    budget: Budget = field(default_factory=Budget)
    driven: Driven = field(default_factory=Driven)
    record: RecordCache = field(default_factory=RecordCache)
    traceparent: str | None = None  # of what is carried out with it

    @cached_property
    def releasing(self) -> Releasing:
        return Releasing(self.database, self.queue, self.guardrails)

    @cached_property
    def writer(self) -> BatchWriter:
        return BatchWriter(self.releasing, fence=lambda session: require_lease(session, self.identity.id))

    def in_trace(self, traceparent: str | None) -> "WorkerContext":
        """The same worker, carrying out part of this trace: what it queues goes on in it."""
        same = replace(self, traceparent=traceparent)
        vars(same)["writer"] = self.writer  # one of a process
        return same

    def now(self) -> datetime:
        """By the database's clock: what one worker writes another compares."""
        return self._insist(self.database.now)

    def write(self, act: Callable[[Work], Result]) -> Result:
        """Run ``act`` in a transaction that only the holder of a lease can commit.

        A database that is away for a moment is waited for as long as the lease is held. Raises Interrupted without a lease.
        """

        return self._insist(lambda: self.writer.write(act, traceparent=self.traceparent))

    def read(self, query: Callable[[Session], Result]) -> Result:
        """Run ``query`` on one consistent view; waits and raises as ``write`` does."""

        def look() -> Result:
            with self.database.read() as session:
                return query(session)

        return self._insist(look)

    def bundle(self, digest: str) -> Path:
        """The files of a bundle, unpacked on this machine; waits and raises as ``read`` does."""
        return self._insist(lambda: open_bundle(self.database, digest, cache=self.settings.data / "bundles"))

    @property
    def scratch_root(self) -> Path:
        """Where every attempt has a folder of its own."""
        return self.settings.data / SCRATCH

    def in_scratch(self, act: Callable[[Context], Result]) -> Callable[[Context], Result]:
        """What is done, given an empty folder with each try that goes with it: also to make one may need another try."""

        def carry_out(context: Context) -> Result:
            with scratch_folder(self.scratch_root) as folder:
                return act(replace(context, scratch=folder))

        return carry_out

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
                    self.signals.lose_lease()
                    raise Interrupted("released", lost.sentence) from lost
                self.signals.pause_for(AWAY_SECONDS)
