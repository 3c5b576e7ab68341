"""What every use case works with: a unit of work that can also queue work for a worker, and knows what the platform demands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app.database.connection import Database
from app.events.work import UnitOfWork, transact
from app.guardrails.rules import Guardrails
from app.identity.actor import Actor
from app.releasing.queue import WorkQueue

Result = TypeVar("Result")


class Work(UnitOfWork):
    """One use case, carried out for somebody in one transaction."""

    def __init__(self, releasing: "Releasing", actor: Actor, *, now: datetime | None = None) -> None:
        super().__init__(releasing.database, actor, now=now)
        self.queue = releasing.queue
        self.guardrails = releasing.guardrails


@dataclass(frozen=True)
class Releasing:
    """What one process's use cases have in common."""

    database: Database
    queue: WorkQueue
    guardrails: Guardrails

    def transact(self, actor: Actor, act: Callable[[Work], Result]) -> Result:
        """Carry out use cases in one transaction, which is committed when this returns; again when another one crossed it."""
        return transact(lambda: Work(self, actor), act)
