"""Looking up a release's content and running its checks on Azure: before a release is planned, and for a dry run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import structlog

from app.azureml.errors import AzureMLError
from app.definitions.golden import count_golden
from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.definitions.traffic import AllAtOnceTraffic, ShadowTraffic, TrafficStrategy
from app.execution.attempts import carry_out
from app.execution.context import WorkerContext
from app.execution.signals import ReleaseSignals
from app.guardrails.rules import job_site, say_all, sites_of
from app.planning.checks import Check
from app.planning.content import Content
from app.planning.places import Place
from app.planning.policy import length_of
from app.planning.sources import JobSource, Source, say_source
from app.preflight.content_wanted import ContentWanted, ModelWanted
from app.preflight.looking import Preflight, Stage, Watched
from app.preflight.outlook import ANALYSIS
from app.steps.contract import Context, Refused

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

OnRetry = Callable[[AzureMLError, float], None]


@dataclass(frozen=True)
class Subject:
    """What is looked at, on behalf of which release or dry run."""

    id: str
    source: Source
    earlier: Content | None  # what the release that it comes from released
    origin: Place  # the workspace of the definition's first stage
    version: DefinitionVersion
    definition: Definition
    stages: Sequence[str]


@dataclass(frozen=True)
class Findings:
    """``content`` None: it cannot be had, and a check says why."""

    content: Content | None
    checks: list[Check]
    golden_requests: int | None = None

    @property
    def finds(self) -> dict[str, Sequence[str]]:
        """By stage: what the analysis of each share can find."""
        return {each.stage: each.rows for each in self.checks if each.stage and each.check == ANALYSIS}

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if check.outcome == "failed"]

    @property
    def refusal(self) -> Refused | None:
        """The first failure's code, and all their sentences; None when nothing failed."""
        if not self.failed:
            return None
        first = self.failed[0]
        said = dict.fromkeys(_said(check) for check in self.failed)  # what several stages share is said once
        return Refused(" ".join(said), code=first.code, hint=first.hint if len(said) == 1 else None)


def resolve_and_preflight(
    worker: WorkerContext, subject: Subject, *, signals: ReleaseSignals, on_retry: OnRetry
) -> Findings:
    """Resolve the content and look at each stage. Raises Interrupted, or AzureMLError when Azure does not answer."""
    content: Content | None = None
    origin = job_site(model=subject.definition.model.name, place=subject.origin)
    if refusals := list(worker.guardrails.job_refusals(origin)):
        return Findings(None, [_check("guardrail_refused", say_all(refusals), stage=None)])
    try:
        wanted = _content_wanted(subject)
        content = carry_out_look(
            worker,
            subject,
            lambda context: worker.lookups.resolve_content(context, wanted),
            signals=signals,
            on_retry=on_retry,
        )
        found = _passed(content)
    except Refused as no:
        found = [
            Check(
                stage=None,
                check=_name_of(no.code, subject.source),
                outcome="failed",
                code=no.code,
                sentence=no.sentence,
                hint=no.hint,
            )
        ]
    stages = _preflight(worker, subject, content)
    ahead = carry_out_look(
        worker,
        subject,
        lambda context: worker.lookups.preflight(context, stages),
        signals=signals,
        on_retry=on_retry,
    )
    golden = count_golden(
        (worker.bundle(subject.version.bundle_digest) / subject.definition.checks.golden).read_bytes()
    )
    return Findings(content, [*_guarded(worker, subject, golden, content), *found, *ahead], golden)


def _guarded(worker: WorkerContext, subject: Subject, golden_requests: int, content: Content | None) -> list[Check]:
    """What the platform demands of each stage, whatever its definition says."""
    sites = [
        site
        for site in sites_of(
            subject.definition,
            subscription=worker.settings.subscription,
            reads=() if content is None else content.registries,
        )
        if site.stage in subject.stages and (worker.guardrails.matching(site) or worker.guardrails.unmatched_is_refused)
    ]
    found = []
    for site in sites:
        refusals = list(worker.guardrails.refusals(site, golden_requests=golden_requests))
        said = say_all(refusals).removeprefix(f"{site.stage}: ") if refusals else "The guardrails allow this stage."
        found.append(_check("guardrail_refused" if refusals else "passed", said, stage=site.stage))
    return found


def _check(code: str, sentence: str, *, stage: str | None) -> Check:
    outcome: Literal["passed", "failed"] = "passed" if code == "passed" else "failed"
    return Check(stage=stage, check="guardrails", outcome=outcome, code=code, sentence=sentence)


def carry_out_look(
    worker: WorkerContext,
    subject: Subject,
    act: Callable[[Context], Result],
    *,
    signals: ReleaseSignals,
    on_retry: OnRetry,
) -> Result:
    """Look at Azure on behalf of a subject. Raises Refused, Interrupted, or AzureMLError when Azure does not answer."""
    context = Context(
        release=subject.id,
        stage="",
        unpack=lambda: worker.bundle(subject.version.bundle_digest),
        scratch=worker.scratch_root,
        outputs={},
        checkpoint=signals.checkpoint,
        wait=signals.wait,
        report=lambda sentence: log.info("resolving", subject=subject.id, sentence=sentence),
        now=worker.now,
        first_begun_at=worker.now(),
    )
    return carry_out(worker.in_scratch(act), context, budget=worker.budget, on_retry=on_retry)


def _content_wanted(subject: Subject) -> ContentWanted:
    model = subject.definition.model
    return ContentWanted(
        workspace=subject.origin,
        source=subject.source,
        earlier=subject.earlier,
        model=ModelWanted(name=model.name, output=model.output, path=model.path, file=model.file),
        environment=subject.definition.environment,
        deployment=subject.definition.deployment,
        endpoint=subject.definition.endpoint,
        signature=subject.definition.checks.signature_check,
    )


def _preflight(worker: WorkerContext, subject: Subject, content: Content | None) -> Preflight:
    """Without content: for what a release of a training job would do."""
    registered = None if content is None else content.registered
    reads = () if content is None else content.registries
    shares = registered is None or registered.registry is None or len(reads) < 2  # not both from a registry
    return Preflight(
        model=subject.definition.model.name,
        origin=subject.origin,
        endpoint=subject.definition.endpoint,
        deployment=subject.definition.deployment,
        registers=registered is None,
        reads=reads,
        stages=tuple(
            Stage(
                name=stage.name,
                workspace=stage.place(worker.settings.subscription),
                endpoint=stage.endpoint,
                registry=stage.registry if shares else None,
                key_vault=stage.key_vault,
                instance_type=stage.instance_type,
                instance_count=stage.instance_count,
                rules=None if isinstance(stage.traffic, AllAtOnceTraffic) else stage.traffic.analysis,
                watched=_watched(stage.traffic),
            )
            for stage in subject.definition.stages
            if stage.name in subject.stages
        ),
    )


def _watched(traffic: TrafficStrategy) -> tuple[Watched, ...]:
    """The shares that are analysed, in order."""
    if isinstance(traffic, AllAtOnceTraffic):
        return ()
    shares = [Watched(percent=each.weight, seconds=length_of(each.bake).total_seconds()) for each in traffic.steps]
    if not isinstance(traffic, ShadowTraffic):
        return tuple(shares)
    mirror = traffic.mirror
    copies = Watched(percent=mirror.percent, seconds=length_of(mirror.bake).total_seconds(), mirrored=True)
    return (copies, *shares)


def _passed(content: Content) -> list[Check]:
    environment, source = content.environment, content.source
    signed = f", signed with key {content.signed_by}" if content.signed_by else ""
    files = f"{content.model_files} files, {content.model_digest}{signed}."
    if isinstance(source, JobSource):
        said = {"job": f"{source.job} has completed.", "output": f"Its output has {files}"}
    else:
        said = {"model": f"The {say_source(source)} has {files}"}
    said["environment"] = f"Environment {environment.name}:{environment.version} is registered."
    return [
        Check(stage=None, check=name, outcome="passed", code="passed", sentence=each) for name, each in said.items()
    ]


def _name_of(code: str, source: Source) -> str:
    """The check that a refusal of ``resolve_content`` belongs to."""
    words = {
        "job": "job",
        "output": "output",
        "model": "output" if isinstance(source, JobSource) else "model",
        "digest": "model",
        "environment": "environment",
        "workspace": "workspace",
        "registry": "registry",
    }
    return words.get(code.split("_")[0], "content")


def _said(check: Check) -> str:
    return f"{check.stage}: {check.sentence}" if check.stage else check.sentence
