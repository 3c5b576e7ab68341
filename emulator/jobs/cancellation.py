"""Ending jobs before they are over, and removing their records."""

import asyncio

from emulator import arm
from emulator.jobs import runs
from emulator.jobs.live import live
from emulator.jobs.statuses import Status
from emulator.state import Emulator
from emulator.store import Document


def register(azure: Emulator) -> None:
    """Tell the emulator's operations what cancelling and deleting a job are."""

    async def cancel_job(workspace: str, job: str) -> None:
        run = azure.store.get("workspaces", workspace, "jobs", job)
        if run is None or Status(run["status"]).is_final:
            return
        task = live(azure).tasks.get((workspace.lower(), job.lower()))
        if task is None:  # still in the queue, or its emulator was killed before it could end
            end_now(azure, run)
            return
        task.cancel()
        await asyncio.wait({task})

    async def delete_job(workspace: str, job: str) -> None:
        run = azure.store.get("workspaces", workspace, "jobs", job)
        if run is not None:
            runs.forget(azure, run)

    azure.operations.register("cancel_job", cancel_job, delay="cancel")
    azure.operations.register("delete_job", delete_job, delay="delete")


def begin(azure: Emulator, workspace: Document, run: Document) -> str:
    """Ask for the end of a run; the id of the operation that sees to it."""
    with azure.store.transaction():
        runs.request_cancel(azure, workspace["name"], run["name"])
        return azure.operations.begin(
            "cancel_job",
            resource=arm.resource_id(workspace, "jobs", run["name"]),
            workspace=workspace["name"],
            job=run["name"],
        )


def end_now(azure: Emulator, run: Document) -> None:
    """Close the records of a run that has no process."""
    for child in runs.children(azure, run):
        end_now(azure, child)
    runs.move(azure, run["workspace"], run["name"], Status.CANCELED)
