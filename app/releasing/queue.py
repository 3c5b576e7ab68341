"""Enqueueing work in the same transaction as the rows that it is about. Executes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from dbos import DBOSClient, EnqueueOptions, WorkflowSerializationFormat
from sqlalchemy import Connection, CursorResult, Dialect, Engine, Insert
from sqlalchemy.sql.compiler import SQLCompiler

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


@dataclass(frozen=True)
class _Prepared:
    """A statement as SQLite takes it, and how each of its parameters is to be given, in their order; None: as it is."""

    sql: str
    parameters: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    @classmethod
    def of(cls, compiled: SQLCompiler, dialect: Dialect) -> "_Prepared":
        names = compiled.positiontup or ()
        types = [compiled.binds[name].type.dialect_impl(dialect) for name in names]
        return cls(str(compiled), tuple(zip(names, (each.bind_processor(dialect) for each in types), strict=True)))


class _PreparedConnection:
    """A connection to SQLite for the engine's client, which has the same two inserts compiled anew for each workflow: here they are once."""

    def __init__(self, connection: Connection, prepared: dict[tuple[str, ...], _Prepared]) -> None:
        self._connection = connection
        self._prepared = prepared
        self._options: dict[str, Any] = {}

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    def get_execution_options(self) -> Mapping[str, Any]:
        return self._options

    def execution_options(self, **options: Any) -> None:
        self._options |= options

    def execute(self, statement: Insert, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Carry out an insert; one into the same columns of the same table is taken for the same statement."""
        key = (statement.table.name, *values)
        if key not in self._prepared:
            schemas = self._options["schema_translate_map"]
            compiled = statement.compile(
                dialect=self.dialect, column_keys=[*values], schema_translate_map=schemas, render_schema_translate=True
            )
            self._prepared[key] = _Prepared.of(compiled, self.dialect)
        prepared = self._prepared[key]
        given = [values[name] if to is None else to(values[name]) for name, to in prepared.parameters]
        return self._connection.exec_driver_sql(prepared.sql, tuple(given))


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
        self._prepared: dict[tuple[str, ...], _Prepared] = {}

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
        self._client.enqueue_in_transaction(self._connection(work), options, target, traceparent)

    def _put(self, work: UnitOfWork, workflow: str, subject: str, *, about: str) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": TASKS,
            "workflow_id": new_workflow_id(about),
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        self._client.enqueue_in_transaction(self._connection(work), options, subject, work.actor.traceparent)

    def _connection(self, work: UnitOfWork) -> Connection:
        """What the engine's client writes over. Not the session itself, which would first write all that has changed."""
        connection = work.connection()
        if connection.dialect.name != "sqlite":
            return connection
        return cast("Connection", _PreparedConnection(connection, self._prepared))
