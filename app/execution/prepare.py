"""Preparing a release: look up its content once, run the preflight checks, and plan each stage."""

import itertools
from collections.abc import Callable
from functools import partial

import structlog
from sqlmodel import Session

from app.azureml.errors import AzureMLError
from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.execution.adoption import Adoption, look_for_adoption
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.execution.look_back import Planner, look_back
from app.execution.look_back_at_found import FoundBack, look_back_at_found
from app.execution.resolve_and_preflight import Findings, OnRetry, Subject, resolve_and_preflight
from app.execution.signals import ReleaseSignals
from app.execution.workflows import register_workflow
from app.planning.content import Content
from app.planning.plan import Plan
from app.planning.purpose import Purpose
from app.planning.sources import EndpointSource, FoundSource, read_source
from app.releases.attempts import INTERNAL_ERROR
from app.releases.locks import lock_release
from app.releases.planning import keep_checks, plan_release
from app.releases.service import move_release
from app.releases.states import Status
from app.releases.tables import Release
from app.releasing.advance import advance_release
from app.releasing.definition_on_record import definition_of
from app.releasing.guarding import guarded
from app.releasing.names import PREPARE_RELEASE
from app.releasing.sources import earlier_content
from app.releasing.work import Work
from app.serving.queries import replaced_at
from app.steps.contract import Interrupted
from app.strategies.rollouts import ReleaseFacts, plan_rollouts

log = structlog.get_logger(__name__)

GoOn = Callable[[Work, Release], None]


def register_prepare(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""
    register_workflow(worker, PREPARE_RELEASE, prepare_release)


def prepare_release(worker: WorkerContext, release_id: str) -> str:
    """Resolve and plan a pending release, then take its first stage on its way; the release's status."""
    return carry_out_bounded(
        worker,
        release_id,
        lambda: _prepare(worker, release_id),
        requeue=lambda work: work.queue.prepare_release(work, release_id),
        fail=[lambda why, work: _fail(work, release_id, why)],
    )


def _fail(work: Work, release_id: str, sentence: str) -> str:
    release = lock_release(work, release_id)
    if release.status is Status.PENDING and release.content is None:
        said = {"code": INTERNAL_ERROR, "sentence": sentence}
        move_release(work, release, Status.FAILED, **said)
    return release.status.value


def _prepare(worker: WorkerContext, release_id: str) -> str:
    release, earlier, version, definition = worker.read(lambda session: _read(session, release_id))
    if release.status is not Status.PENDING or release.content is not None:
        return release.status.value
    subject = Subject(
        id=release.id,
        source=read_source(release.source),
        earlier=earlier,
        origin=definition.stages[0].place(worker.settings.subscription),
        version=version,
        definition=definition,
        stages=release.stages,
    )
    signals = worker.signals.of(release.id, asked=release.control)
    tries = itertools.count(2)

    def on_retry(error: AzureMLError, seconds: float) -> None:
        _tell_retry(worker, release.id, error, seconds, number=next(tries))

    go_on: GoOn
    try:
        if isinstance(subject.source, EndpointSource):
            adoption = look_for_adoption(worker, subject, subject.source, signals=signals, on_retry=on_retry)
            go_on = partial(_adopt, adoption)
        elif isinstance(subject.source, FoundSource):
            back = look_back_at_found(
                worker, subject, subject.source, release.purpose, signals=signals, on_retry=on_retry
            )
            go_on = partial(_go_back_to_found, back)
        else:
            found, planner = _look(worker, release.purpose, subject, signals=signals, on_retry=on_retry)
            go_on = partial(_go_on, worker, version, definition, found, planner)
    except Interrupted as stop:
        if stop.reason == "released":
            raise
        return _move_pending(worker, release_id, Status.CANCELLED, code=stop.code, sentence=stop.sentence)
    except AzureMLError as no:
        return _move_pending(worker, release_id, Status.FAILED, code=no.code, sentence=str(no))

    def plan(work: Work) -> str:
        release = lock_release(work, release_id)
        if release.status is Status.PENDING and release.content is None:
            go_on(work, release)
        return release.status.value

    return worker.write(plan)


def _look(
    worker: WorkerContext, purpose: Purpose, subject: Subject, *, signals: ReleaseSignals, on_retry: OnRetry
) -> tuple[Findings, Planner]:
    """At what this is about, and how it becomes plans."""
    if purpose.goes_back:
        return look_back(worker, subject, purpose, signals=signals, on_retry=on_retry)
    found = resolve_and_preflight(worker, subject, signals=signals, on_retry=on_retry)
    return found, lambda facts: plan_rollouts(subject.definition, subject.stages, facts)


def _read(session: Session, release_id: str) -> tuple[Release, Content | None, DefinitionVersion, Definition]:
    release = session.get_one(Release, release_id)
    return release, earlier_content(session, read_source(release.source)), *definition_of(session, release)


def _tell_retry(worker: WorkerContext, release_id: str, error: AzureMLError, seconds: float, *, number: int) -> None:
    log.warning("prepare_retried", release=release_id, code=error.code, error=str(error), seconds=round(seconds, 1))
    sentence = f"{error.sentence} Next attempt in {seconds:.0f} s (attempt {number})."
    _move_pending(worker, release_id, Status.PENDING, code=error.code, sentence=sentence)


def _adopt(adoption: Adoption, work: Work, release: Release) -> None:
    """What was found at the endpoint is what people are asked about."""
    refusal = adoption.refusal(work)
    keep_checks(work, release, [adoption.check(refusal)])
    if refusal is not None:
        move_release(work, release, Status.FAILED, code=refusal.code, sentence=str(refusal))
        return
    plan_release(work, release, None, [adoption.plan(work, release=release.id)])
    advance_release(work, release)


def _go_back_to_found(back: FoundBack, work: Work, release: Release) -> None:
    """What others made has no content that is known."""
    keep_checks(work, release, back.checks)
    if back.refusal is not None:
        move_release(work, release, Status.FAILED, code=back.refusal.code, sentence=str(back.refusal))
        return
    plan_release(work, release, None, [_as_things_are(work, back.plan(release.id))])
    advance_release(work, release)


def _go_on(
    worker: WorkerContext,
    version: DefinitionVersion,
    definition: Definition,
    found: Findings,
    planner: Planner,
    work: Work,
    release: Release,
) -> None:
    """What was found is kept with the release; where a check failed, nobody is asked about it."""
    refusal = found.refusal
    keep_checks(work, release, found.checks)
    if refusal is not None:
        said = {"code": refusal.code, "sentence": str(refusal)}
        move_release(work, release, Status.FAILED, **said)
        return
    assert found.content is not None, "without content a check has failed"
    facts = ReleaseFacts(
        release=release.id,
        number=release.number,
        mark=release.mark,
        definition_version=version.version,
        definition_digest=version.bundle_digest,
        origin=definition.stages[0].place(worker.settings.subscription),
        subscription=worker.settings.subscription,
        content=found.content,
        golden_requests=found.golden_requests,
        finds=found.finds,
    )
    plans = [_as_things_are(work, each) for each in planner(facts)]
    plan_release(work, release, found.content, plans)
    advance_release(work, release)


def _as_things_are(work: Work, plan: Plan) -> Plan:
    """With what it replaces and who must approve it now."""
    replaces = replaced_at(work, str(plan.target.target), by=None if plan.deployment is None else plan.deployment.name)
    return guarded(work, work.guardrails, plan).model_copy(update={"replaces": replaces})


def _move_pending(worker: WorkerContext, release_id: str, status: Status, *, code: str, sentence: str) -> str:
    def act(work: Work) -> str:
        release = lock_release(work, release_id)
        if release.status is Status.PENDING:
            move_release(work, release, status, code=code, sentence=sentence)
        return release.status.value

    return worker.write(act)
