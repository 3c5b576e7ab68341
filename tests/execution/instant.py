"""A worker's tools with steps that end at once, or do what the test wants; everything else is real."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.azureml.client import AzureSettings
from app.azureml.facade import open_azure
from app.database.connection import Database
from app.execution.context import WorkerContext
from app.execution.lease import Lease
from app.execution.signals import Signals
from app.guardrails.rules import NO_GUARDRAILS
from app.logs import set_up_logs
from app.planning.budget import Budget
from app.releasing.queue import DbosQueue
from app.settings import Settings
from app.steps.contract import Context, Done, Json, Outcome, Step
from app.workers.service import WorkerIdentity

KINDS = ("register_model", "create_endpoint", "create_deployment", "resolve_content", "preflight")
LEASE_SECONDS = 600.0


@dataclass
class Hands:
    """Steps that note that they were carried out, and then do what the test wants."""

    acts: dict[str, Callable[[Context], Outcome]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    outputs: dict[str, Json] = field(default_factory=dict)

    def step(self, kind: str) -> Step:
        def carry_out(context: Context, _config: Json) -> Outcome:
            self.seen.append(kind)
            self.outputs[kind] = dict(context.outputs)
            act = self.acts.get(kind)
            return act(context) if act else Done(f"{kind} is done.", {"of": kind})

        return carry_out


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def worker(database: Database, tmp_path: Path, hands: Hands) -> WorkerContext:
    set_up_logs("json")  # for people, tracebacks are painted: that takes most of a test's time
    identity = WorkerIdentity(id="worker-1", host="here", pid=1, version="0")
    lease = Lease(database, identity, seconds=LEASE_SECONDS, exclusive=False)
    lease.take()
    return WorkerContext(
        settings=Settings(data=tmp_path, database_url=database.url),
        database=database,
        queue=DbosQueue(database.engine),
        azure=open_azure(AzureSettings()),
        steps={kind: hands.step(kind) for kind in KINDS},
        signals=Signals(database, lease),
        identity=identity,
        guardrails=NO_GUARDRAILS,
        budget=Budget(tries=3, first_wait=0.001, longest_wait=0.01),
    )
