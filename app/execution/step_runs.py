"""One step run: started, carried out, its end recorded. Only the middle takes time and touches Azure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.azureml.errors import AzureMLError
from app.documents.json_object import Json
from app.events.work import UnitOfWork
from app.evidence.log import Log
from app.evidence.redaction import redact, redact_all
from app.evidence.reports import Report, keep_report
from app.evidence.service import keep
from app.execution.attempts import carry_out
from app.execution.bounded import internal_error
from app.execution.context import WorkerContext
from app.execution.progress import STEP_NOT_ON_RECORD
from app.planning.observed import Observed
from app.planning.steps import On, PlannedStep
from app.releases.answers import settle_answer
from app.releases.attempts import INTERNAL_ERROR
from app.releases.locks import lock_step
from app.releases.service import move_rollout, move_step, report_progress
from app.releases.states import ASKING, Control, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.releasing.on_record import Ready, look_up_steps
from app.serving.service import At, record_observed
from app.steps.contract import Context, Done, Interrupted, OutOfTime, PersonsAnswer, Refused, Waiting

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """A step run that has begun, with what its context is made of."""

    step: StepRun
    release: str
    stage: str
    ready: Ready
    control: Control | None  # asked of the release when the step began
    heeds: bool  # what is asked of it: what brings back is neither paused nor cancelled


@dataclass(frozen=True)
class End:
    """How a step run ended, or that it has not and waits."""

    status: StepStatus
    code: str
    sentence: str
    output: Json | None = None
    changed: bool | None = None
    log: Log | None = None  # what the team's code wrote: kept apart from the record
    wait_until: datetime | None = None
    memory: Json | None = None
    observed: Observed | None = None
    asks: str | None = None  # why a person is asked
    answered: Json | None = None  # the answer that it was given
    report: Report | None = None  # what it measured


def begin_steps(
    work: UnitOfWork, worker: WorkerContext, release: Release, rollout: Rollout, steps: Sequence[StepRun]
) -> list[Job]:
    """Note that they run, and gather what they need."""
    if not steps:
        return []
    for step in steps:
        again = "Begun." if step.status is StepStatus.PENDING else "Resumed."
        _keep_running(work, worker, step, code="running", sentence=again)
    found = look_up_steps(work, worker.record, release, rollout, steps)
    return [
        Job(step, release.id, rollout.stage, ready, control=release.control, heeds=_heeds(rollout, ready))
        for step, ready in zip(steps, found, strict=True)
    ]


def _heeds(rollout: Rollout, ready: Ready) -> bool:
    on = On.SUCCESS if ready.planned is None else ready.planned.on
    return on is On.SUCCESS or (on is On.ALWAYS and rollout.status is not Status.ROLLING_BACK)


def carry_out_step(worker: WorkerContext, job: Job) -> End:
    """Bring a step to its end, or to where it waits. Begun again after a kill it starts from the step's own beginning."""
    if job.ready.refusal is not None:
        return End(StepStatus.FAILED, STEP_NOT_ON_RECORD, job.ready.refusal)
    return _carry_out(worker, job)


def record_end(
    work: UnitOfWork, release: Release, rollout: Rollout, step: StepRun, end: End, *, log_days: float
) -> None:
    """Our row is the checkpoint: a step that has ended is never carried out twice. What it read back is the serving record.

    What Azure or the team's code said may hold a secret, and an event stays for ever: what looks like one is left out, and of a log
    the event has no more than the digest.
    """
    where = ""
    output = end.output if end.status is StepStatus.SUCCEEDED else redact_all(end.output)
    if end.log is not None:
        kept = keep(work, end.log, subject=step.id, model=release.model, days=log_days)
        output = {**(output or {}), "log": kept}
        where = f" Its log: mlrelease release logs {release.id}"
    if end.report is not None:
        output = {**(output or {}), "report": keep_report(work, end.report, subject=step.id, model=release.model)}
    move_step(
        work,
        step,
        end.status,
        code=end.code,
        sentence=redact(end.sentence) + where,
        output=output,
        changed=end.changed,
        wait_until=end.wait_until,
        memory=end.memory,
    )
    settle_answer(work, step, end.answered)
    _say_what_is_asked(work, rollout, end)
    if end.observed is not None:
        at = At(rollout.target, model=release.model, stage=rollout.stage, release=release)
        record_observed(work, at, end.observed)


def _say_what_is_asked(work: UnitOfWork, rollout: Rollout, end: End) -> None:
    """While a step asks a person, its rollout says so; once that is answered, it is under way as others are."""
    if rollout.status is not Status.IN_PROGRESS:
        return
    if end.asks is not None and rollout.code != end.asks:
        move_rollout(work, rollout, Status.IN_PROGRESS, code=end.asks, sentence=redact(end.sentence))
    elif end.asks is None and rollout.code in ASKING:
        move_rollout(work, rollout, Status.IN_PROGRESS, code="in_progress", sentence="Under way.")


def _answer_of(step: StepRun) -> PersonsAnswer | None:
    if step.answer is None:
        return None
    return PersonsAnswer(
        answer=step.answer["answer"],
        by=step.answer["by"],
        at=datetime.fromisoformat(step.answer["at"]),
        reason=step.answer["reason"],
    )


def _carry_out(worker: WorkerContext, job: Job) -> End:
    started, planned = job.step.started_at, job.ready.planned
    assert started is not None, "a step that has begun has a start"
    assert planned is not None, "a step that is not refused is planned"
    deadline = started + timedelta(seconds=planned.timeout_seconds)
    signals = worker.signals.of(job.release, deadline=deadline, asked=job.control, heeds=job.heeds)
    context = Context(
        release=job.release,
        stage=job.stage,
        unpack=lambda: worker.bundle(job.ready.bundle),
        scratch=worker.scratch_root,
        outputs=job.ready.outputs,
        checkpoint=signals.checkpoint,
        wait=signals.wait,
        report=lambda sentence: _report(worker, job.step.id, sentence),
        now=worker.now,
        first_begun_at=started,
        memory=job.step.memory or {},
        answer=_answer_of(job.step),
    )
    try:
        signals.checkpoint()
        step, config = worker.steps[planned.kind], planned.config
        outcome = carry_out(
            worker.in_scratch(lambda context: step(context, config)),
            context,
            budget=config.budget or worker.budget,
            on_retry=lambda error, seconds: _retry(worker, job.step.id, error, seconds),
        )
        if isinstance(outcome, Waiting):
            return _waits(outcome, deadline=deadline, answered=job.step.answer)
        return _succeeded(outcome)
    except Interrupted as stop:
        return _interrupted(worker, job, stop)
    except Refused as no:
        return End(
            StepStatus.FAILED,
            no.code,
            str(no),
            output=no.details or None,
            log=no.log,
            observed=no.observed,
            report=no.report,
        )
    except OutOfTime as late:
        return End(StepStatus.ERRORED, late.code, _last_words(worker, job.step, planned))
    except AzureMLError as error:
        return End(StepStatus.ERRORED, error.code, str(error), log=error.log)
    except BaseException as broken:  # noqa: BLE001 - whatever it is, it is how the step ended: this thread is no process's main one
        return End(StepStatus.ERRORED, INTERNAL_ERROR, internal_error(worker, broken, subject=job.step.id))


def _interrupted(worker: WorkerContext, job: Job, stop: Interrupted) -> End:
    """What is let go of, or paused in mid-wait, goes on later as what has waited until now: its time and its memory stay."""
    if stop.reason == "cancelled":
        return End(StepStatus.CANCELLED, stop.code, stop.sentence)
    if stop.reason == "paused" and job.step.memory is None:
        return End(StepStatus.PENDING, stop.code, stop.sentence)
    return End(StepStatus.WAITING, stop.code, stop.sentence, wait_until=worker.now())


def _waits(waiting: Waiting, *, deadline: datetime, answered: Json | None) -> End:
    """Not for longer than the step's own time: then it has taken too long."""
    return End(
        StepStatus.WAITING,
        waiting.asks or "waiting",
        waiting.sentence,
        wait_until=min(waiting.until, deadline),
        memory=waiting.memory,
        asks=waiting.asks,
        answered=answered,
        report=waiting.report,
    )


def _succeeded(done: Done) -> End:
    code = "done" if done.changed else "already_so"
    return End(
        StepStatus.SUCCEEDED,
        code,
        done.sentence,
        output=done.output,
        changed=done.changed,
        observed=done.observed,
        report=done.report,
    )


def _retry(worker: WorkerContext, step_id: str, error: AzureMLError, seconds: float) -> None:
    log.warning("step_retried", step=step_id, code=error.code, error=str(error), seconds=round(seconds, 1))
    sentence = f"{redact(error.sentence)} Next attempt in {seconds:.0f} s."
    worker.write(lambda work: _keep_running(work, worker, lock_step(work, step_id), code=error.code, sentence=sentence))


def _keep_running(work: UnitOfWork, worker: WorkerContext, step: StepRun, *, code: str, sentence: str) -> None:
    move_step(
        work,
        step,
        StepStatus.RUNNING,
        code=code,
        sentence=sentence,
        worker=worker.identity.id,
    )


def _report(worker: WorkerContext, step_id: str, sentence: str) -> None:
    worker.write(lambda work: report_progress(work, work.get_one(StepRun, step_id), redact(sentence)))


def _last_words(worker: WorkerContext, step: StepRun, planned: PlannedStep) -> str:
    """What is known of a step whose time is over: mostly what Azure last said."""
    last = worker.read(lambda session: session.get_one(StepRun, step.id).sentence)
    return f"Not done within {_duration(planned.timeout_seconds)}. Last: {last}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
