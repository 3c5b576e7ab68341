"""Why a training job failed or was canceled: its sentence, and the logs of its steps while they can be read.

A log that cannot be had is no reason not to know that the job has ended.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from app.azureml.errors import AzureMLError
from app.azureml.jobs import list_children
from app.azureml.run_ends import read_log, read_run_end
from app.azureml.types import ChildJob
from app.evidence.causes import LONGEST_CAUSE, cause_in, last_line_of
from app.evidence.log import JOB_LOG, Log
from app.evidence.service import fit_line
from app.execution.context import WorkerContext
from app.planning.places import Place

log = structlog.get_logger(__name__)

UNWELL = frozenset({"failed", "canceled"})
MOST_STEPS = 3  # whose logs are read
_DEEPEST = 5  # pipelines within pipelines

# Where Azure's own words go on with what is in the log anyway.
_LOG_QUOTED = re.compile(r"\s*(Please check log file|Error: Traceback|Traceback \(most recent).*", re.S)


@dataclass(frozen=True)
class Ended:
    """What is known of a job's end: for its sentence, and to be kept."""

    why: str
    logs: tuple[Log, ...] = ()


def read_end(worker: WorkerContext, workspace: Place, job: str, status: str, children: Sequence[ChildJob]) -> Ended:
    """Of a job that did not complete: the cause in each step that failed, of a single job in itself."""
    steps = list(_unwell(worker, workspace, children, "", _DEEPEST)) or [("", job, status)]
    worst = "failed" if any(each == "failed" for _, _, each in steps) else "canceled"
    told = [(step, run) for step, run, each in steps if each == worst]
    causes, logs = [], []
    for step, run in told[:MOST_STEPS]:
        cause, found = _cause(worker, workspace, run, step)
        causes.append(f"Step {fit_line(step)}: {cause}" if step else cause)
        logs += found
    if len(told) > MOST_STEPS:
        causes.append(f"{len(told) - MOST_STEPS} more steps {worst}.")
    if logs:
        causes.append(f"Log: mlrelease jobs logs {job}")
    return Ended(" ".join(causes), tuple(logs))


def _unwell(
    worker: WorkerContext, workspace: Place, children: Sequence[ChildJob], inside: str, deep: int
) -> Iterator[tuple[str, str, str]]:
    """Name, run and status of each step that did not complete: of a pipeline within the pipeline, its own steps."""
    for child in children:
        status = child.status.lower()
        if status not in UNWELL:
            continue
        name = f"{inside}{child.display_name}"
        inner = (
            list(_unwell(worker, workspace, _steps_of(worker, workspace, child.name), f"{name}/", deep - 1))
            if deep
            else []
        )
        yield from inner or [(name, child.name, status)]


def _steps_of(worker: WorkerContext, workspace: Place, run: str) -> Sequence[ChildJob]:
    try:
        return list_children(worker.azure, workspace, run)
    except AzureMLError as error:
        log.warning("steps_not_read", run=run, code=error.code, error=str(error))
        return ()


def _cause(worker: WorkerContext, workspace: Place, run: str, step: str) -> tuple[str, list[Log]]:
    """The sentence on one run, and its log where it can be read."""
    try:
        end = read_run_end(worker.azure, workspace, run)
    except AzureMLError as error:
        log.warning("end_not_read", run=run, code=error.code, error=str(error))
        return f"The reason is unknown: {_sentence(error.sentence)}", []
    said = _LOG_QUOTED.sub("", end.said or "").strip()
    try:
        name, text = read_log(worker.azure, end.logs, run=run)
    except AzureMLError as error:
        log.warning("log_not_read", run=run, code=error.code, error=str(error))
        cause = cause_in(end.said or "") or said or "Azure ML gave no reason."
        return f"{_sentence(cause)} {_sentence(error.sentence)}", []
    title = f"{step or run}: {name}"
    return _sentence(_words(said, text, quoted=end.said or "")), [Log(JOB_LOG, text, title)] if text.strip() else []


def _words(said: str, text: str, *, quoted: str) -> str:
    cause = cause_in(text) or cause_in(quoted)
    if cause:
        return cause
    last = last_line_of(text)
    said = said or "Azure ML gave no reason."
    return f"{_sentence(said)} The log ends with: {last}" if last else f"{_sentence(said)} The log is empty."


def _sentence(words: str) -> str:
    line = fit_line(words, longest=2 * LONGEST_CAUSE)
    return line if line.endswith((".", "…", "!", "?")) else f"{line}."
