"""Online endpoints, deployments and scoring."""

import asyncio

from fastapi import APIRouter

from emulator.online import deployments, endpoints, gateway, keys, provisioning, quota, records, runtime
from emulator.online.metrics import Metrics
from emulator.state import Emulator

# The gateway first: routes are tried in order, and scoring is what must be fast.
routers: list[APIRouter] = [gateway.router, endpoints.router, keys.router, deployments.router, quota.router]


def register(emulator: Emulator) -> None:
    """Tell what this room's operations do, and bring back the deployments that served before a restart."""
    running = emulator.rooms["online"] = runtime.Runtime(metrics=Metrics(emulator.store))
    provisioning.register(emulator)
    for workspace in emulator.store.children("workspaces"):
        for endpoint in records.endpoints(emulator, workspace["name"]):
            for deployment in records.deployments(emulator, workspace["name"], endpoint["name"]):
                if records.can_serve(deployment):
                    running.returning[runtime.key(deployment)] = asyncio.Event()
                    task = asyncio.get_running_loop().create_task(provisioning.restore(emulator, deployment))
                    running.tasks.add(task)
                    task.add_done_callback(running.tasks.discard)


async def shutdown(emulator: Emulator) -> None:
    """End every scoring process."""
    await runtime.of(emulator).shutdown()
