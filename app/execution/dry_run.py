"""A dry run: the plan and the preflight checks of a release, made by a worker. Nothing else is written."""

import structlog
from sqlmodel import Session

from app.azureml.errors import AzureMLError
from app.definitions import queries as definitions
from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.documents.json_object import Json
from app.execution.adoption import Adoption, look_for_adoption
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.execution.resolve_and_preflight import Findings, Subject, resolve_and_preflight
from app.execution.workflows import register_workflow
from app.planning.content import Content
from app.planning.plan import Plan
from app.planning.sources import EndpointSource, read_source
from app.releases.attempts import INTERNAL_ERROR
from app.releases.dry_runs import finish_dry_run
from app.releases.plans import difference, document_of
from app.releases.states import DryRunState
from app.releases.tables import DryRun, StoredPlan
from app.releasing.guarding import guarded
from app.releasing.names import PLAN_DRY_RUN
from app.releasing.sources import earlier_content
from app.releasing.work import Work
from app.serving.queries import replaced_at
from app.steps.contract import Refused
from app.strategies.rollouts import ReleaseFacts, plan_rollouts

log = structlog.get_logger(__name__)

# In place of what only a release has: its number, and the mark in its deployment's name.
_NUMBER, _MARK = 0, "plan"


def register_dry_run(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""
    register_workflow(worker, PLAN_DRY_RUN, carry_out_dry_run)


def carry_out_dry_run(worker: WorkerContext, run_id: str) -> str:
    """Resolve the content, run the preflight checks, make the plans and keep all of it; the dry run's state."""
    return carry_out_bounded(
        worker,
        run_id,
        lambda: _carry_out(worker, run_id),
        requeue=lambda work: work.queue.plan_dry_run(work, run_id),
        fail=[lambda why, work: _fail(work, run_id, why)],
    )


def _fail(work: Work, run_id: str, sentence: str) -> str:
    said = {"code": INTERNAL_ERROR, "sentence": sentence}
    finish_dry_run(work, run_id, DryRunState.FAILED, **said, result=None)
    return DryRunState.FAILED.value


def _carry_out(worker: WorkerContext, run_id: str) -> str:
    known = worker.read(lambda session: _read(session, run_id))
    if known is None:
        return "expired"
    run, earlier, version, definition = known
    if run.state is not DryRunState.PENDING:
        return run.state.value
    try:
        refusal, result = _look(worker, run, earlier, version, definition)
    except AzureMLError as no:
        return _finish(worker, run_id, DryRunState.FAILED, code=no.code, sentence=str(no), result=None)
    if refusal is not None:
        said = {"code": refusal.code, "sentence": str(refusal)}
        return _finish(worker, run_id, DryRunState.FAILED, **said, result=result)
    others = [f"{each['check']} ({each['outcome']})" for each in result["checks"] if each["outcome"] != "passed"]
    sentence = f"No check failed; look at {', '.join(others)}." if others else "All checks passed."
    return _finish(worker, run_id, DryRunState.PASSED, code="passed", sentence=sentence, result=result)


def _read(session: Session, run_id: str) -> tuple[DryRun, Content | None, DefinitionVersion, Definition] | None:
    run = session.get(DryRun, run_id)
    if run is None:
        return None
    version = definitions.get(session, run.model, run.definition_version)
    return run, earlier_content(session, read_source(run.source)), version, Definition.model_validate(version.content)


def _look(
    worker: WorkerContext, run: DryRun, earlier: Content | None, version: DefinitionVersion, definition: Definition
) -> tuple[Refused | None, Json]:
    """What would stop it, if anything would, and all that was found."""
    subject = Subject(
        id=run.id,
        source=read_source(run.source),
        earlier=earlier,
        origin=definition.stages[0].place(worker.settings.subscription),
        version=version,
        definition=definition,
        stages=run.stages,
    )

    def tell_retry(error: AzureMLError, seconds: float) -> None:
        log.warning("dry_run_retried", plan=run.id, code=error.code, error=str(error), seconds=round(seconds, 1))

    signals = worker.signals.of(run.id, asked=None)
    if isinstance(subject.source, EndpointSource):
        adoption = look_for_adoption(worker, subject, subject.source, signals=signals, on_retry=tell_retry)
        return worker.read(lambda session: _result_of_adoption(session, adoption, release=f"{run.model}-{_NUMBER}"))
    found = resolve_and_preflight(worker, subject, signals=signals, on_retry=tell_retry)
    return found.refusal, worker.read(lambda session: _result(session, worker, run, version, definition, found))


def _result_of_adoption(session: Session, adoption: Adoption, *, release: str) -> tuple[Refused | None, Json]:
    refusal = adoption.refusal(session)
    stages = [] if refusal is not None else [_stage(session, adoption.plan(session, release=release))]
    for stage in stages:
        stage["found_digest"] = adoption.found.observed.digest
    checks = [adoption.check(refusal).model_dump(mode="json")]
    return refusal, {"checks": checks, "content": None, "stages": stages}


def _result(
    session: Session,
    worker: WorkerContext,
    run: DryRun,
    version: DefinitionVersion,
    definition: Definition,
    found: Findings,
) -> Json:
    checks = [each.model_dump(mode="json") for each in found.checks]
    if found.content is None:
        return {"checks": checks, "content": None, "stages": []}
    facts = ReleaseFacts(
        release=f"{run.model}-{_NUMBER}",
        number=_NUMBER,
        mark=_MARK,
        definition_version=version.version,
        definition_digest=version.bundle_digest,
        origin=definition.stages[0].place(worker.settings.subscription),
        subscription=worker.settings.subscription,
        content=found.content,
        golden_requests=found.golden_requests,
        finds=found.finds,
    )
    plans = [guarded(session, worker.guardrails, each) for each in plan_rollouts(definition, run.stages, facts)]
    return {
        "checks": checks,
        "content": found.content.model_dump(mode="json"),
        "stages": [_stage(session, plan) for plan in plans],
    }


def _stage(session: Session, plan: Plan) -> Json:
    """What it would do, and what callers would get instead of what they get now: the same, of an adoption."""
    name = None if plan.deployment is None else plan.deployment.name
    replaces = None if plan.adopts else replaced_at(session, str(plan.target.target), by=name)
    document = document_of(plan.model_copy(update={"replaces": replaces}))
    before = session.get_one(StoredPlan, replaces.plan) if replaces and replaces.plan else None
    return {
        "stage": plan.stage,
        "plan": document,
        "replaces": None if replaces is None else replaces.release,
        "difference": None if before is None else [vars(each) for each in difference(before.document, document)],
    }


def _finish(
    worker: WorkerContext, run_id: str, state: DryRunState, *, code: str, sentence: str, result: Json | None
) -> str:
    worker.write(lambda work: finish_dry_run(work, run_id, state, code=code, sentence=sentence, result=result))
    return state.value
