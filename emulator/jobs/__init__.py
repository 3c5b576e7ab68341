"""Training jobs: pipelines and commands, run as real subprocesses, with their run history, metrics, logs and outputs."""

import asyncio

from fastapi import APIRouter

from emulator.jobs import api, cancellation, execution, history, metric_api, mlflow, page
from emulator.jobs.live import forget, live
from emulator.state import Emulator

routers: list[APIRouter] = [api.router, history.router, metric_api.router, mlflow.router, page.router]


def register(emulator: Emulator) -> None:
    """Tell the emulator's operations what a job does; called before they are resumed."""
    execution.register(emulator)
    cancellation.register(emulator)


async def shutdown(emulator: Emulator) -> None:
    """End what runs, processes included; it is begun again at the next start."""
    tasks = list(live(emulator).tasks.values())
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    forget(emulator)
