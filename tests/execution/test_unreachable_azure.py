"""Rollouts with instant steps never leave this machine, whoever is logged in to Azure on it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.execution.context import WorkerContext
from app.execution.rollout import carry_out_rollout
from app.releases.asked import ask_of
from app.releases.locks import lock_release
from app.releases.states import Control, Status
from app.releasing.work import Work
from app.steps.contract import Context, Done, Interrupted, Refused
from tests.execution.instant import hands, worker
from tests.execution.rollouts import queue_rollout
from tests.instant import NOWHERE, Hands
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]


@contextmanager
def noting() -> Iterator[list[str]]:
    """Each address that this process connects to or looks up, and each program that it starts."""
    noted: list[str] = []
    is_noting = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if not is_noting:  # a hook is for good
            return
        match event, arguments:
            case "socket.connect", (_, (host, port, *_)):
                noted.append(f"http://{host}:{port}")
            case "socket.getaddrinfo", (host, port, *_):
                noted.append(f"http://{host}:{port}")
            case "subprocess.Popen" | "os.posix_spawn", (program, *_):
                noted.append(str(program))

    sys.addaudithook(note)
    try:
        yield noted
    finally:
        is_noting = False


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing connects to it
def test_rollout_that_is_cancelled_asks_no_azure_of_what_it_leaves(worker: WorkerContext, hands: Hands) -> None:
    def cancel(context: Context) -> Done:
        def ask(work: Work) -> None:
            release = lock_release(work, context.release)
            ask_of(work, release, Control.CANCEL, reason="")

        worker.write(ask)
        raise Interrupted("cancelled", "Cancelled.")

    hands.acts["create_deployment"] = cancel
    rollout_id = queue_rollout(worker)

    with noting() as noted:
        assert carry_out_rollout(worker, rollout_id) is Status.CANCELLED

    assert set(noted) == {NOWHERE}, "it was asked, and nobody else"


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_rollout_that_fails_asks_nobody_what_it_leaves(worker: WorkerContext, hands: Hands) -> None:
    """Its step says what people need."""

    def refuse(_context: Context) -> Done:
        raise Refused("Not this one.")

    hands.acts["create_deployment"] = refuse
    rollout_id = queue_rollout(worker)

    with noting() as noted:
        assert carry_out_rollout(worker, rollout_id) is Status.FAILED

    assert noted == []
