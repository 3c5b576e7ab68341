"""Preparing to go back to a deployment that others made: it is looked at, and gone back to as it is on record."""

from dataclasses import dataclass

from app.execution.context import WorkerContext
from app.execution.resolve_and_preflight import Findings, OnRetry, Subject, carry_out_look
from app.execution.signals import ReleaseSignals
from app.planning.checks import Check
from app.planning.observed import DeploymentFacts
from app.planning.plan import Plan
from app.planning.purpose import Purpose
from app.planning.sources import FoundSource
from app.preflight.look_at_target import TargetSeen, TargetWanted
from app.serving.drift import changes
from app.serving.earlier import found_at
from app.steps.contract import Refused
from app.strategies.back_to_found import FoundFacts, plan_back_to_found

_ADOPT = "To go back to it as it is now, adopt the endpoint first: `mlrelease targets adopt MODEL STAGE`."


@dataclass(frozen=True)
class FoundBack:
    """A deployment of others that is to serve again, and whether it still can."""

    worker: WorkerContext
    subject: Subject
    purpose: Purpose
    found: DeploymentFacts | None  # as it is on record; None: nothing is known of it any more
    checks: list[Check]

    @property
    def refusal(self) -> Refused | None:
        return Findings(None, self.checks).refusal

    def plan(self, release: str) -> Plan:
        assert self.found is not None, "what is not on record is refused"
        (name,) = self.subject.stages
        stage = self.subject.definition.stage(name)
        facts = FoundFacts(
            release=release,
            definition_version=self.subject.version.version,
            definition_digest=self.subject.version.bundle_digest,
            subscription=self.worker.settings.subscription,
            found=self.found,
        )
        return plan_back_to_found(self.subject.definition, stage, facts, self.purpose)


def look_back_at_found(
    worker: WorkerContext,
    subject: Subject,
    source: FoundSource,
    purpose: Purpose,
    *,
    signals: ReleaseSignals,
    on_retry: OnRetry,
) -> FoundBack:
    """At a deployment that others made. Raises as ``look_back`` does."""
    (stage,) = subject.stages
    target = subject.definition.stage(stage).target(worker.settings.subscription)
    found = worker.read(lambda session: found_at(session, str(target), source.deployment))
    wanted = TargetWanted(target=target, model=subject.definition.model.name, stage=stage)
    seen = carry_out_look(
        worker,
        subject,
        lambda context: worker.lookups.look_at_target(context, wanted),
        signals=signals,
        on_retry=on_retry,
    )
    checks = [seen.check, _check_found(stage, source.deployment, found, seen)]
    return FoundBack(worker, subject, purpose, found, checks)


def _check_found(stage: str, name: str, found: DeploymentFacts | None, seen: TargetSeen) -> Check:
    there = None if found is None else seen.usable.get(found.name)
    if found is None or there is None or there.release is not None:
        said = f"Deployment {name}, which others made, is not there any more, or cannot answer; it cannot be made anew."
        return _failed(stage, "deployment_deleted", said)
    differences = changes(found, there)
    if differences:
        said = f"Deployment {name}, which others made, is not as it is on record. {' '.join(differences)} {_ADOPT}"
        return _failed(stage, "deployment_changed", said)
    said = f"Deployment {name}, which others made, is still there."
    return Check(stage=stage, check="deployment", outcome="passed", code="passed", sentence=said)


def _failed(stage: str, code: str, said: str) -> Check:
    return Check(stage=stage, check="deployment", outcome="failed", code=code, sentence=said)
