"""One step run: begun, carried out, recorded. Our row is the checkpoint: a step that ended is never carried out twice."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlmodel import Session, col, select

from app.azureml.errors import AzureMLError
from app.definitions.tables import DefinitionVersion
from app.identity.actor import SERVICE
from app.releases.queries import lock_step
from app.releases.service import move_step, report_progress
from app.releases.states import Control, StepStatus
from app.releases.tables import Release, StepRun
from app.steps.contract import Context, Done, Interrupted, Json, OutOfTime, Refused
from app.workflow.attempts import carry_out
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
    control: Control | None  # asked of the release when the step began


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
        job = shop.write(lambda session: _begin(session, shop, step_id))
        if job.step.status.is_final:
            return job.step.status.value
        end = _carry_out(shop, job)
        _record(shop, step_id, end)
        return end.status.value


def _begin(session: Session, shop: Workshop, step_id: str) -> _Job:
    """Note that it runs, unless it has ended, and read what it needs: one transaction, for many steps are quick."""
    step, release = lock_step(session, step_id)
    if not step.status.is_final:
        again = "Taken up again." if step.status is StepStatus.RUNNING else "Begun."
        _move(session, shop, step, StepStatus.RUNNING, code="running", sentence=again)
    stage = step.rollout_id.rpartition(":")[2]
    return _Job(
        step=step,
        release=release.id,
        stage=stage,
        bundle=_bundle_of(session, release),
        outputs=_outputs_for(session, release, stage, step),
        control=release.control,
    )


def _bundle_of(session: Session, release: Release) -> str:
    """Its digest alone: the definition itself is large, and no step needs it."""
    definition = DefinitionVersion.id == release.definition_id
    return session.exec(select(DefinitionVersion.bundle_digest).where(definition)).one()


def _outputs_for(session: Session, release: Release, own_stage: str, step: StepRun) -> dict[str, Json]:
    """Of the steps that this one needs, by key; a need in an earlier stage is written ``<stage>/<key>``."""
    needed = []
    for need in step.needs:
        stage, _, key = need.rpartition("/")
        needed.append(f"{release.id}:{stage or own_stage}:{key}")
    found = session.exec(select(StepRun.key, StepRun.output).where(col(StepRun.id).in_(needed))).all() if needed else []
    assert len(found) == len(needed), "a plan needs only what is in it"
    return {key: dict(output or {}) for key, output in found}


def _carry_out(shop: Workshop, job: _Job) -> _End:
    started = job.step.started_at
    assert started is not None, "a step that has begun has a start"
    deadline = started + timedelta(seconds=job.step.timeout_seconds)
    signals = shop.signals.of(job.release, deadline=deadline, asked=job.control)
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


def _retry(shop: Workshop, step_id: str, error: AzureMLError, seconds: float) -> None:
    log.warning("step_retried", step=step_id, code=error.code, error=str(error), seconds=round(seconds, 1))
    sentence = f"{error.sentence} Tried again in {seconds:.0f} s."

    def work(session: Session) -> None:
        step, _ = lock_step(session, step_id)
        _move(session, shop, step, StepStatus.RUNNING, code=error.code, sentence=sentence)

    shop.write(work)


def _move(session: Session, shop: Workshop, step: StepRun, status: StepStatus, *, code: str, sentence: str) -> None:
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


def _report(shop: Workshop, step_id: str, sentence: str) -> None:
    def work(session: Session) -> None:
        report_progress(session, session.get_one(StepRun, step_id), sentence, actor=SERVICE, now=shop.now())

    shop.write(work)


def _record(shop: Workshop, step_id: str, end: _End) -> None:
    def work(session: Session) -> None:
        step, _ = lock_step(session, step_id)
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
