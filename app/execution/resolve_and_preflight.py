"""Looking up a release's content and running its checks on Azure: before a release is planned, and for a dry run."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import structlog

from app.azureml.errors import AzureMLError
from app.definitions.golden import count_golden
from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.execution.attempts import carry_out
from app.execution.context import WorkerContext
from app.execution.signals import ReleaseSignals
from app.guardrails.rules import job_site, say_all, sites_of
from app.planning.places import Place
from app.steps.contract import Context, Done, Json, Refused
from app.steps.preflight import Check

log = structlog.get_logger(__name__)

_CHECKS_OF_CONTENT = ("job", "output", "environment")
OnRetry = Callable[[AzureMLError, float], None]


@dataclass(frozen=True)
class Subject:
    """What is looked at, on behalf of which release or dry run."""

    id: str
    job: str
    source: Place  # of the training job
    version: DefinitionVersion
    definition: Definition
    stages: Sequence[str]


@dataclass(frozen=True)
class Findings:
    """``content`` None: it cannot be had, and a check says why."""

    content: Json | None
    checks: list[Json]
    golden_requests: int | None = None

    @property
    def failed(self) -> list[Json]:
        return [check for check in self.checks if check["outcome"] == "failed"]

    @property
    def refusal(self) -> Refused | None:
        """The first failure's code, and all their sentences; None when nothing failed."""
        if not self.failed:
            return None
        first = self.failed[0]
        said = dict.fromkeys(_said(check) for check in self.failed)  # what several stages share is said once
        return Refused(" ".join(said), code=first["code"], hint=first["hint"] if len(said) == 1 else None)


def resolve_and_preflight(
    worker: WorkerContext, subject: Subject, *, signals: ReleaseSignals, on_retry: OnRetry
) -> Findings:
    """Resolve the content and look at each stage. Raises Interrupted, or AzureMLError when Azure does not answer."""
    content: Json | None = None
    source = job_site(model=subject.definition.model.name, place=subject.source)
    if refusals := list(worker.guardrails.job_refusals(source)):
        return Findings(None, [_check("guardrail_refused", say_all(refusals), stage=None)])
    try:
        content = _carry_out(
            worker, subject, "resolve_content", _resolving(subject), signals=signals, on_retry=on_retry
        )
        found = [asdict(each) for each in _passed(content)]
    except Refused as no:
        found = [asdict(Check(None, _name_of(no.code), "failed", no.code, no.sentence, no.hint))]
    ahead = _carry_out(worker, subject, "preflight", _looking(worker, subject), signals=signals, on_retry=on_retry)
    golden = count_golden(
        (worker.bundle(subject.version.bundle_digest) / subject.definition.checks.golden).read_bytes()
    )
    return Findings(content, [*_guarded(worker, subject, golden), *found, *ahead["checks"]], golden)


def _guarded(worker: WorkerContext, subject: Subject, golden_requests: int) -> list[Json]:
    """What the platform demands of each stage, whatever its definition says."""
    sites = [
        site
        for site in sites_of(subject.definition, subscription=worker.settings.subscription)
        if site.stage in subject.stages and (worker.guardrails.matching(site) or worker.guardrails.unmatched_is_refused)
    ]
    found = []
    for site in sites:
        refusals = list(worker.guardrails.refusals(site, golden_requests=golden_requests))
        said = say_all(refusals).removeprefix(f"{site.stage}: ") if refusals else "The guardrails allow this stage."
        found.append(_check("guardrail_refused" if refusals else "passed", said, stage=site.stage))
    return found


def _check(code: str, sentence: str, *, stage: str | None) -> Json:
    return asdict(Check(stage, "guardrails", "passed" if code == "passed" else "failed", code, sentence))


def _carry_out(
    worker: WorkerContext, subject: Subject, kind: str, config: Json, *, signals: ReleaseSignals, on_retry: OnRetry
) -> Json:
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
    step = worker.in_scratch(worker.steps[kind])
    done = carry_out(step, context, config, budget=worker.budget, on_retry=on_retry)
    assert isinstance(done, Done), "what is looked up before planning waits for nothing"
    return done.output


def _resolving(subject: Subject) -> Json:
    return {
        "workspace": subject.source,
        "job": subject.job,
        "model": subject.definition.model.model_dump(mode="json"),
        "environment": subject.definition.environment,
        "deployment": subject.definition.deployment,
    }


def _looking(worker: WorkerContext, subject: Subject) -> Json:
    return {
        "model": subject.definition.model.name,
        "source": subject.source,
        "endpoint": subject.definition.endpoint,
        "deployment": subject.definition.deployment,
        "stages": [
            {
                "name": stage.name,
                "workspace": stage.place(worker.settings.subscription),
                "endpoint": stage.endpoint,
                "registry": stage.registry,
                "key_vault": stage.key_vault,
                "instance_type": stage.instance_type,
                "instance_count": stage.instance_count,
            }
            for stage in subject.definition.stages
            if stage.name in subject.stages
        ],
    }


def _passed(content: Json) -> list[Check]:
    environment = content["environment"]
    said = (
        f"{content.get('job', 'The job')} has completed.",
        f"Its output has {content.get('model_files', 'its')} files, {content['model_digest']}.",
        f"Environment {environment['name']}:{environment['version']} is registered.",
    )
    return [Check(None, name, "passed", "passed", each) for name, each in zip(_CHECKS_OF_CONTENT, said, strict=True)]


def _name_of(code: str) -> str:
    """The check that a refusal of ``resolve_content`` belongs to."""
    words = {
        "job": "job",
        "output": "output",
        "model": "output",
        "environment": "environment",
        "workspace": "workspace",
    }
    return words.get(code.split("_")[0], "content")


def _said(check: Json) -> str:
    return f"{check['stage']}: {check['sentence']}" if check["stage"] else str(check["sentence"])
