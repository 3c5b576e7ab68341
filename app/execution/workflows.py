"""How a body of ours becomes a workflow of the engine: by a name, with one argument, and it always ends."""

from collections.abc import Callable

import structlog
from dbos import DBOS

from app.steps.contract import Interrupted

log = structlog.get_logger(__name__)


def register_workflow(name: str, body: Callable[[str], object]) -> None:
    """Make it known to the engine. Before launch: a workflow that a worker does not know stays stuck in it."""

    @DBOS.workflow(name=name, max_recovery_attempts=None)
    def carry_out(subject: str) -> None:
        try:
            body(subject)
        except Interrupted as stop:
            log.info("workflow_let_go", workflow=DBOS.workflow_id, sentence=stop.sentence)
