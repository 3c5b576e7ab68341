"""Runs a run, whatever kind it is, to a final status: the one place where failures and cancellations become records.

When the emulator ends while a job runs, killed or stopped, the job's process ends with it and the job is begun again at
the next start, as Azure does with a job whose node is lost: completed steps of a pipeline stay as they are, an
interrupted command starts anew with empty outputs.
"""

import asyncio
import logging
import time

from emulator.errors import AzureError, OperationFailed
from emulator.jobs import command, pipeline, runs
from emulator.jobs.live import live
from emulator.jobs.statuses import Status
from emulator.state import Emulator
from emulator.store import Document

log = logging.getLogger(__name__)

KIND = "job"


def register(azure: Emulator) -> None:
    """Tell the emulator's operations what a job does. Its queueing is done here: see ``_begin``."""

    async def run_job(workspace: str, job: str) -> None:
        task = asyncio.create_task(_run_if_open(azure, workspace, job))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:  # the emulator ends; the job is begun again at the next start
            task.cancel()
            await asyncio.wait({task})
            raise
        if task.cancelled() and not _is_over(azure, workspace, job):
            raise asyncio.CancelledError  # interrupted by the emulator's end and not by a user: to be begun again

    azure.operations.register(KIND, run_job, delay="job_operation")


def _is_over(azure: Emulator, workspace: str, job: str) -> bool:
    run = azure.store.get("workspaces", workspace, "jobs", job)
    return run is None or Status(run["status"]).is_final


async def _run_if_open(azure: Emulator, workspace: str, job: str) -> None:
    document = azure.store.get("workspaces", workspace)
    if document is not None and not _is_over(azure, workspace, job):
        await execute(azure, document, job)


async def execute(azure: Emulator, workspace: Document, name: str) -> None:
    """Run one run, and record how it ended. Raises CancelledError when it is interrupted, whoever wanted that."""
    at = workspace["name"]
    key = (at.lower(), name.lower())
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a run is executed in a task")
    live(azure).tasks[key] = task
    try:
        run = runs.find(azure, at, name)
        await _begin(azure, run)
        if run["kind"] == "Pipeline":
            await pipeline.carry_out(azure, workspace, name, execute=execute)
        else:
            await command.carry_out(azure, workspace, name)
    except asyncio.CancelledError:
        if runs.find(azure, at, name)["status"] == Status.CANCEL_REQUESTED:
            runs.move(azure, at, name, Status.CANCELED)
        raise
    except TimeoutError:
        error = {"code": "JobTimedOut", "message": "The job was canceled: it ran longer than its limits allow."}
        runs.move(azure, at, name, Status.CANCELED, error=error)
    except (OperationFailed, AzureError) as failure:
        runs.move(azure, at, name, Status.FAILED, error={"code": failure.code, "message": failure.message})
    except Exception as failure:
        log.exception("run %s broke", name)
        runs.move(azure, at, name, Status.FAILED, error={"code": "ServiceError", "message": repr(failure)})
    else:
        runs.move(azure, at, name, Status.COMPLETED)
    finally:
        live(azure).tasks.pop(key, None)


async def _begin(azure: Emulator, run: Document) -> None:
    """Wait in the queue for the delay ``job`` (a step: ``step``) and take the fault that a test has set for it, if any."""
    name, resource = ("job", run["name"]) if run["parent"] is None else ("step", f"{run['root']}/{run['displayName']}")
    await asyncio.sleep(max(0.0, runs.created_at(run) + azure.faults.seconds(name) - time.time()))
    await azure.faults.strike_operation(name, resource=resource)
