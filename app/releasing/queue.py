"""Enqueueing work in the same transaction as the rows that it is about. Executes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from dbos import DBOSClient, EnqueueOptions, WorkflowSerializationFormat
from sqlalchemy import Engine

from app.database.connection import available
from app.events.work import UnitOfWork
from app.releasing.names import (
    ENGINE_NAME,
    ENGINE_VERSION,
    MOVE_TARGET,
    PLAN_DRY_RUN,
    PREPARE_RELEASE,
    ROLLOUTS,
    SWEEP_TARGET,
    TASKS,
    new_workflow_id,
    preparation_of,
    sweep_of,
)
from app.releasing.serialization import SERIALIZER

_NOT_OVER = ("ENQUEUED", "PENDING")  # the engine's words
_OVER = ("SUCCESS", "ERROR", "CANCELLED")
DELETED_AT_ONCE = 500


class WorkQueue(Protocol):
    """What the use cases ask of the engine. What they queue goes on in the trace of whose unit of work it is."""

    def prepare_release(self, work: UnitOfWork, release_id: str) -> None: ...

    def plan_dry_run(self, work: UnitOfWork, run_id: str) -> None: ...

    def move_target(self, work: UnitOfWork, target: str, *, in_trace: bool = True) -> None: ...

    def sweep_target(self, work: UnitOfWork, target: str) -> None: ...

    def waiting_or_running(self) -> set[str]: ...

    def running(self) -> Mapping[str, str]: ...

    def left_by_others(self) -> set[str]: ...

    def drop(self, workflow_id: str) -> None: ...

    def delete_over(self, *, before: datetime) -> int: ...


class DbosQueue:
    """The engine's client: it writes rows, and starts no thread."""

    def __init__(self, engine: Engine) -> None:
        self._client = DBOSClient(
            system_database_engine=engine,
            serializer=SERIALIZER,
            application_name=ENGINE_NAME,
            lazy=True,
            retry_connection_errors=False,
        )

    def prepare_release(self, work: UnitOfWork, release_id: str) -> None:
        self._put(work, PREPARE_RELEASE, release_id, about=preparation_of(release_id))

    def plan_dry_run(self, work: UnitOfWork, run_id: str) -> None:
        self._put(work, PLAN_DRY_RUN, run_id, about=run_id)

    def move_target(self, work: UnitOfWork, target: str, *, in_trace: bool = True) -> None:
        """Have whatever may move a target now carried on. Once too often does no harm: then there is nothing to be done.

        ``in_trace``: whether that is part of what the actor of ``work`` has asked for, and so of their trace.
        """
        self._put_at(work, MOVE_TARGET, target, about=target, in_trace=in_trace)

    def sweep_target(self, work: UnitOfWork, target: str) -> None:
        """Have a target's idle deployments looked for, while no rollout moves it: both stand in the same queue."""
        self._put_at(work, SWEEP_TARGET, target, about=sweep_of(target), in_trace=False)

    def waiting_or_running(self) -> set[str]:
        """The ids of every workflow that will be carried out, or is. Raises Unavailable."""
        with available():
            found = self._client.list_workflows(status=list(_NOT_OVER), load_input=False, load_output=False)
        return {each.workflow_id for each in found}

    def running(self) -> Mapping[str, str]:
        """Every workflow that is carried out, as far as the engine knows, and the worker that took it. Raises Unavailable."""
        with available():
            found = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {each.workflow_id: each.executor_id or "" for each in found}

    def left_by_others(self) -> set[str]:
        """The ids of workflows that a worker with another version of the engine put back: none with this version takes them. Raises Unavailable."""
        with available():
            found = self._client.list_workflows(status="ENQUEUED", load_input=False, load_output=False)
        return {each.workflow_id for each in found if each.app_version not in {None, ENGINE_VERSION}}

    def drop(self, workflow_id: str) -> None:
        """Have the engine wait no longer for what nobody carries out. Raises Unavailable."""
        with available():
            self._client.cancel_workflow(workflow_id)

    def delete_over(self, *, before: datetime) -> int:
        """Delete workflows that were over by then, with their inputs and outputs; how many. Raises Unavailable."""
        deleted = 0
        while True:
            with available():
                found = self._client.list_workflows(
                    status=list(_OVER),
                    completed_before=before.isoformat(),
                    limit=DELETED_AT_ONCE,
                    load_input=False,
                    load_output=False,
                )
                self._client.delete_workflows([each.workflow_id for each in found])
            deleted += len(found)
            if len(found) < DELETED_AT_ONCE:
                return deleted

    def close(self) -> None:
        self._client.destroy()

    def _put_at(self, work: UnitOfWork, workflow: str, target: str, *, about: str, in_trace: bool) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": ROLLOUTS,
            "workflow_id": new_workflow_id(about),
            "queue_partition_key": target,
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        traceparent = work.actor.traceparent if in_trace else None
        self._client.enqueue_in_transaction(work, options, target, traceparent)

    def _put(self, work: UnitOfWork, workflow: str, subject: str, *, about: str) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": TASKS,
            "workflow_id": new_workflow_id(about),
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        self._client.enqueue_in_transaction(work, options, subject, work.actor.traceparent)
