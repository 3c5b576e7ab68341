"""One step run: begun, carried out, recorded. Our row is the checkpoint: a step that ended is never carried out twice."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlmodel import Session

from app.azureml.errors import AzureMLError
from app.identity.actor import SERVICE
from app.releases.service import move_step, report_progress
from app.releases.states import StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.steps.contract import Context, Done, Interrupted, Json, OutOfTime, Refused
from app.workflow.attempts import carry_out
from app.workflow.requests import definition_of
from app.workflow.workshop import Workshop

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    """A step run with what its context is made of."""

    step: StepRun
    release: str
    stage: str
    bundle: str
    outputs: dict[str, Json]


@dataclass(frozen=True)
class _End:
    """How a step run ended."""

    status: StepStatus
    code: str
    sentence: str
    output: Json | None = None
    changed: bool | None = None


def carry_out_step(shop: Workshop, step_id: str) -> str:
    """Bring a step run to an end; its status. Begun again after a kill it starts from the step's own beginning."""
    with shop.signals.act():
        job = shop.read(lambda session: _read(session, step_id))
        if job.step.status.is_final:
            return job.step.status.value
        _begin(shop, job)
        end = _carry_out(shop, job)
        _record(shop, step_id, end)
        return end.status.value


def _read(session: Session, step_id: str) -> _Job:
    step = session.get_one(StepRun, step_id)
    rollout = session.get_one(Rollout, step.rollout_id)
    release = session.get_one(Release, rollout.release_id)
    version, _ = definition_of(session, release)
    return _Job(step, release.id, rollout.stage, version.bundle_digest, _outputs_for(session, release, rollout, step))


def _outputs_for(session: Session, release: Release, rollout: Rollout, step: StepRun) -> dict[str, Json]:
    """Of the steps that this one needs, by key; a need in an earlier stage is written ``<stage>/<key>``."""
    outputs = {}
    for need in step.needs:
        stage, _, key = need.rpartition("/")
        found = session.get_one(StepRun, f"{release.id}:{stage or rollout.stage}:{key}")
        outputs[key] = found.output or {}
    return outputs


def _carry_out(shop: Workshop, job: _Job) -> _End:
    started = shop.read(lambda session: session.get_one(StepRun, job.step.id).started_at)
    assert started is not None, "a step that has begun has a start"
    signals = shop.signals.of(job.release, deadline=started + timedelta(seconds=job.step.timeout_seconds))
    try:
        with shop.scratch() as scratch:
            context = Context(
                release=job.release,
                stage=job.stage,
                bundle=shop.bundle(job.bundle),
                scratch=scratch,
                outputs=job.outputs,
                checkpoint=signals.checkpoint,
                wait=signals.wait,
                report=lambda sentence: _report(shop, job.step.id, sentence),
            )
            signals.checkpoint()
            done = carry_out(
                shop.steps[job.step.kind],
                context,
                job.step.config,
                budget=shop.budget,
                on_retry=lambda error, seconds: _retry(shop, job.step.id, error, seconds),
            )
            return _succeeded(done)
    except Interrupted as stop:
        if stop.reason == "released":
            raise
        status = StepStatus.PENDING if stop.reason == "paused" else StepStatus.CANCELLED
        return _End(status, stop.code, stop.sentence)
    except Refused as no:
        return _End(StepStatus.FAILED, no.code, str(no), output=no.details or None)
    except OutOfTime as late:
        return _End(StepStatus.ERRORED, late.code, _last_words(shop, job.step))
    except AzureMLError as error:
        return _End(StepStatus.ERRORED, error.code, str(error))
    except Exception as broken:
        log.exception("step_broke", step=job.step.id)
        return _End(StepStatus.ERRORED, "internal_error", f"The step broke: {type(broken).__name__}: {broken}")


def _succeeded(done: Done) -> _End:
    code = "done" if done.changed else "already_so"
    return _End(StepStatus.SUCCEEDED, code, done.sentence, output=done.output, changed=done.changed)


def _begin(shop: Workshop, job: _Job) -> None:
    again = "Taken up again." if job.step.status is StepStatus.RUNNING else "Begun."
    _move(shop, job.step.id, StepStatus.RUNNING, code="running", sentence=again)


def _retry(shop: Workshop, step_id: str, error: AzureMLError, seconds: float) -> None:
    log.warning("step_retried", step=step_id, code=error.code, error=str(error), seconds=round(seconds, 1))
    _move(
        shop, step_id, StepStatus.RUNNING, code=error.code, sentence=f"{error.sentence} Tried again in {seconds:.0f} s."
    )


def _move(shop: Workshop, step_id: str, status: StepStatus, *, code: str, sentence: str) -> None:
    def work(session: Session) -> None:
        step = session.get_one(StepRun, step_id)
        move_step(
            session,
            step,
            status,
            code=code,
            sentence=sentence,
            worker=shop.worker.id,
            actor=SERVICE,
            now=shop.now(),
        )

    shop.write(work)


def _report(shop: Workshop, step_id: str, sentence: str) -> None:
    def work(session: Session) -> None:
        report_progress(session, session.get_one(StepRun, step_id), sentence, actor=SERVICE, now=shop.now())

    shop.write(work)


def _record(shop: Workshop, step_id: str, end: _End) -> None:
    def work(session: Session) -> None:
        step = session.get_one(StepRun, step_id)
        move_step(
            session,
            step,
            end.status,
            code=end.code,
            sentence=end.sentence,
            output=end.output,
            changed=end.changed,
            actor=SERVICE,
            now=shop.now(),
        )

    shop.write(work)


def _last_words(shop: Workshop, step: StepRun) -> str:
    """What is known of a step whose time is over: mostly what Azure last said."""
    last = shop.read(lambda session: session.get_one(StepRun, step.id).sentence)
    return f"Not done within {_duration(step.timeout_seconds)}. Last: {last}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
