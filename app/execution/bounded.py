"""Nothing gets stuck: whatever a workflow's body raises, it ends, and the rows say so.

Every body that the engine runs is carried out by ``carry_out_bounded``. What it raises unexpectedly is logged, and the body is
carried out again: everything it knows is in our rows. After a few tries the row itself says that it failed, and where to look. What
cannot even be written then is left to ``reconcile``, which finds rows that nobody drives. A worker that is stopped puts the work
back into the queue, and the body ends.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from dbos import DBOS

from app.evidence.causes import LONGEST_CAUSE
from app.evidence.redaction import sentence_of
from app.execution.context import WorkerContext
from app.releasing.work import Work
from app.steps.contract import Interrupted

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Requeue = Callable[[Work], None]  # puts it into the queue once more, for another worker
Fail = Callable[[str, Work], Result]  # writes that it failed; is given the sentence that says why

TRIES = 3


def carry_out_bounded(
    worker: WorkerContext,
    subject: str,
    body: Callable[[], Result],
    *,
    requeue: Requeue,
    fail: Sequence[Fail[Result]],
) -> Result:
    """What ``body`` gives, or what the first of ``fail`` gives that could be written: each writes less than the one before.

    Raises Interrupted where this worker must let go, once it is in the queue again (without a lease nothing can be put there:
    whoever takes over finds the row), and what the last of ``fail`` raised.
    """
    workflow = DBOS.workflow_id
    with worker.driven.driving(subject, *([workflow] if workflow else [])):
        try:
            return _try(worker, subject, body, fail)
        except Interrupted:
            worker.write(requeue)
            raise


def _try(worker: WorkerContext, subject: str, body: Callable[[], Result], fail: Sequence[Fail[Result]]) -> Result:
    sentence = ""
    for number in range(1, TRIES + 1):
        try:
            return body()
        except Interrupted:
            raise
        except BaseException as broken:  # noqa: BLE001 - whatever it is (also what asks a process to exit), the row must not wait
            sentence = internal_error(worker, broken, subject=subject)
        if number < TRIES:
            worker.signals.pause_for(worker.budget.wait_before(number))
            worker.signals.require_going_on()
    return write_failure(worker, fail, sentence)


def internal_error(worker: WorkerContext, broken: BaseException, *, subject: str) -> str:
    """Log an exception that nobody expected, with its traceback; the sentence that says where to find it."""
    incident = secrets.token_hex(4)
    log.error("internal_error", subject=subject, incident=incident, exc_info=broken)
    first_line = next(iter(_words(broken).splitlines()), "")  # what follows in a database's error are its values
    cause = sentence_of(first_line)[:LONGEST_CAUSE]
    said = f"{type(broken).__name__}: {cause}" if cause else type(broken).__name__
    return f"Internal error: {said}. See incident {incident} in the log of worker {worker.identity.id}."


def _words(broken: BaseException) -> str:
    try:
        return str(broken)
    except Exception:  # noqa: BLE001 - an exception that cannot even say what it is
        return ""


def write_failure(worker: WorkerContext, fail: Sequence[Fail[Result]], sentence: str) -> Result:
    """What the first of these gives that could be written. Raises Interrupted, and what the last of them raised."""
    for number, write in enumerate(fail, start=1):
        try:
            return worker.write(partial(write, sentence))
        except Interrupted:
            raise
        except Exception:
            if number == len(fail):
                raise
            log.exception("failure_not_written", number=number)
    raise AssertionError("there is at least one way to write a failure")
