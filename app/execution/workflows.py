"""How a body of ours becomes a workflow of the engine: by a name, with what it is about and its trace, and it always ends."""

from collections.abc import Callable

import structlog
from dbos import DBOS
from structlog.contextvars import bound_contextvars

from app.execution.context import WorkerContext
from app.steps.contract import Interrupted

log = structlog.get_logger(__name__)


def register_workflow(worker: WorkerContext, name: str, body: Callable[[WorkerContext, str], object]) -> None:
    """Make it known to the engine. Before launch: a workflow that a worker does not know stays stuck in it."""

    @DBOS.workflow(name=name, max_recovery_attempts=None)
    def carry_out(subject: str, traceparent: str | None = None) -> None:
        trace = {"traceparent": traceparent} if traceparent else {}  # what a timer or a look has queued has none
        with bound_contextvars(**trace):
            log.info("workflow_begun", workflow=DBOS.workflow_id)
            try:
                body(worker.in_trace(traceparent), subject)
            except Interrupted as stop:
                log.info("workflow_let_go", workflow=DBOS.workflow_id, sentence=stop.sentence)
