"""What every rollout of a release does, whatever its traffic strategy: pure functions from a definition and its content to plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from app.definitions.overrides import shown
from app.definitions.schema import Definition, StageDefinition
from app.definitions.traffic import AllAtOnceTraffic, CanaryTraffic, ShadowTraffic
from app.documents.merging import merged
from app.planning.content import Content, RegisteredModel
from app.planning.ids import need_in
from app.planning.kinds import (
    ConfirmServing,
    CreateDeployment,
    CreateEndpoint,
    FindModel,
    PublishSecrets,
    RegisterModel,
    RetireDeployments,
    ShareEnvironment,
    ShareModel,
    VerifyDeployment,
)
from app.planning.places import Place
from app.planning.plan import (
    Plan,
    PlannedChecks,
    PlannedCode,
    PlannedDefinition,
    PlannedDeployment,
    PlannedModel,
    PlannedSoak,
)
from app.planning.policy import length_of
from app.planning.purpose import Purpose
from app.planning.sources import JobSource
from app.planning.steps import PlannedStep
from app.planning.tags import DIGEST_TAG, JOB_TAG, MODEL_TAG, RELEASE_TAG
from app.strategies.all_at_once import all_at_once
from app.strategies.canary import canary
from app.strategies.moving import Moving, Verified
from app.strategies.planned_target import planned_target
from app.strategies.shadow import shadow


@dataclass(frozen=True)
class ReleaseFacts:
    """What a plan is made for, beside the definition."""

    release: str
    number: int
    mark: str
    definition_version: int
    definition_digest: str
    origin: Place  # of the first stage: where content comes from
    subscription: str  # of stages that name none
    content: Content
    golden_requests: int | None = None  # that prove something; None: not counted
    finds: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by stage: what each share's analysis can find


def plan_rollouts(
    definition: Definition, stages: Sequence[str], facts: ReleaseFacts, *, gradually: bool = True
) -> list[Plan]:
    """One plan a stage, in the definition's order. Not ``gradually``: all of the traffic moves at once, whatever is defined, and
    nothing is compared with what serves."""
    if not gradually:
        definition = definition.model_copy(update={"checks": definition.checks.model_copy(update={"replay": None})})
    plans: list[Plan] = []
    brought_by: str | None = None  # the stage whose steps have the model's version already
    for stage in definition.stages:
        if stage.name not in stages:
            continue
        moving = _moving(definition, stage, facts, gradually=gradually)
        steps = [
            step.model_copy(update={"timeout_seconds": _seconds(definition, step)})
            for step in _steps(definition, stage, facts, moving, brought_by=brought_by)
        ]
        if any(step.kind in {RegisterModel.kind, FindModel.kind} for step in steps):
            brought_by = stage.name
        plans.append(_plan(definition, stage, steps, moving, facts))
    return plans


def _seconds(definition: Definition, step: PlannedStep) -> float:
    """For how long it may take; what may ask a person has the time of the answer in addition."""
    seconds = definition.timeouts.seconds(step.kind) or step.timeout_seconds
    replay = step.config.replay if isinstance(step.config, VerifyDeployment) else None
    if replay is None:
        return seconds
    return max(seconds, 60.0 * (replay.within_minutes + 5)) + length_of(replay.answer_within).total_seconds()


def deployment_name(facts: ReleaseFacts) -> str:
    """A release's deployment, the same in every stage: lower case, at most 32 characters, new with each release."""
    return f"r{facts.number}-{facts.mark}"


def _moving(definition: Definition, stage: StageDefinition, facts: ReleaseFacts, *, gradually: bool) -> Moving:
    """How what was verified gets its traffic there."""
    verified = Verified(
        place=stage.place(facts.subscription),
        endpoint=stage.endpoint,
        deployment=deployment_name(facts),
        after=VerifyDeployment.kind,
        made_by=CreateDeployment.kind,
        golden=definition.checks.golden,
    )
    match stage.traffic if gradually else AllAtOnceTraffic():
        case AllAtOnceTraffic():
            return all_at_once(verified)
        case CanaryTraffic() as wanted:
            return canary(verified, wanted)
        case ShadowTraffic() as wanted:
            return shadow(verified, wanted)
        case other:
            assert_never(other)


def _steps(
    definition: Definition, stage: StageDefinition, facts: ReleaseFacts, moving: Moving, *, brought_by: str | None
) -> list[PlannedStep]:
    place, endpoint, deployment = stage.place(facts.subscription), stage.endpoint, deployment_name(facts)
    digest = facts.content.model_digest
    tags = {RELEASE_TAG: facts.release, MODEL_TAG: definition.model.name, DIGEST_TAG: digest}
    model = _bring_model(definition, stage, facts, tags, brought_by=brought_by)
    environment = [] if place == facts.origin else [_share_environment(stage, facts)]
    model_from, environment_from = model[-1].kind, ShareEnvironment.kind if environment else None
    brought = [model_from, *(step.key for step in environment)]
    steps = [
        *model,
        *environment,
        PlannedStep.of(
            CreateEndpoint(
                workspace=place,
                endpoint=endpoint,
                file=definition.endpoint,
                settings_of=stage.name if stage.endpoint_settings else None,
                tags=tags,
            )
        ),
        PlannedStep.of(
            CreateDeployment(
                workspace=place,
                endpoint=endpoint,
                deployment=deployment,
                file=definition.deployment,
                settings_of=stage.name if stage.deployment else None,
                instance_type=stage.instance_type,
                instance_count=stage.instance_count,
                model_from=model_from,
                environment_from=environment_from,
                environment_id=facts.content.environment.id if environment_from is None else None,
                environment_digest=facts.content.environment.digest,
                digest=digest,
                signature=definition.checks.signature_check,
                tags=tags,
            ),
            needs=(*brought, CreateEndpoint.kind),
        ),
        PlannedStep.of(
            VerifyDeployment(
                workspace=place,
                endpoint=endpoint,
                deployment=deployment,
                golden=definition.checks.golden,
                replay=definition.checks.replay,
                digest=digest,
            ),
            needs=(CreateDeployment.kind,),
        ),
        *moving.steps,
    ]
    if stage.key_vault:
        publish = PublishSecrets(workspace=place, endpoint=endpoint, key_vault=stage.key_vault)
        steps.append(PlannedStep.of(publish, needs=(moving.steps[-1].key,)))
    retire = RetireDeployments(
        workspace=place,
        endpoint=endpoint,
        deployment=deployment,
        keep=1 if definition.retention is None else definition.retention.keep,
        model=definition.model.name,
    )
    steps.append(PlannedStep.of(retire, needs=(steps[-1].key,)))
    confirm = ConfirmServing(workspace=place, endpoint=endpoint, deployment=deployment, key_vault=stage.key_vault)
    steps.append(PlannedStep.of(confirm, needs=(RetireDeployments.kind, CreateDeployment.kind)))
    return [*steps, *moving.back]


def _bring_model(
    definition: Definition,
    stage: StageDefinition,
    facts: ReleaseFacts,
    tags: Mapping[str, str],
    *,
    brought_by: str | None,
) -> list[PlannedStep]:
    """The last of the steps has the version that the stage deploys. From a registry it is deployed as it is, in every stage."""
    known = facts.content.registered
    is_shared = stage.place(facts.subscription) != facts.origin and (known is None or known.registry is None)
    if is_shared and brought_by is not None:
        kind = RegisterModel.kind if known is None else FindModel.kind
        return [_share_model(definition, stage, facts, model_from=kind, need=need_in(brought_by, kind))]
    first = _register(definition, facts, tags) if known is None else _find(known, facts)
    return (
        [first, _share_model(definition, stage, facts, model_from=first.kind, need=first.key)] if is_shared else [first]
    )


def _find(known: RegisteredModel, facts: ReleaseFacts) -> PlannedStep:
    return PlannedStep.of(
        FindModel(
            workspace=facts.origin,
            registry=known.registry,
            name=known.name,
            version=known.version,
            digest=facts.content.model_digest,
        )
    )


def _share_model(
    definition: Definition, stage: StageDefinition, facts: ReleaseFacts, *, model_from: str, need: str
) -> PlannedStep:
    known = facts.content.registered
    share = ShareModel(
        workspace=facts.origin,
        registry=stage.registry or "",
        name=definition.model.name if known is None else known.name,
        digest=facts.content.model_digest,
        model_from=model_from,
    )
    return PlannedStep.of(share, needs=(need,))


def _register(definition: Definition, facts: ReleaseFacts, tags: Mapping[str, str]) -> PlannedStep:
    source = facts.content.source
    job = source.job if isinstance(source, JobSource) else None
    return PlannedStep.of(
        RegisterModel(
            workspace=facts.origin,
            name=definition.model.name,
            type=definition.model.type,
            description=definition.model.description,
            uri=facts.content.model_uri,
            digest=facts.content.model_digest,
            tags=tags if job is None else {**tags, JOB_TAG: job},
        )
    )


def _share_environment(stage: StageDefinition, facts: ReleaseFacts) -> PlannedStep:
    environment = facts.content.environment.model_dump()
    return PlannedStep.of(ShareEnvironment(workspace=facts.origin, registry=stage.registry or "", **environment))


def _plan(
    definition: Definition,
    stage: StageDefinition,
    steps: Sequence[PlannedStep],
    moving: Moving,
    facts: ReleaseFacts,
) -> Plan:
    """What people approve: exactly what comes where, how it is proven and how it gets its traffic."""
    content = facts.content
    written, name = merged(content.deployment, shown(stage.deployment)), deployment_name(facts)
    machines = {
        "name": name,
        "instance_type": stage.instance_type or written.get("instance_type"),
        "instance_count": stage.instance_count or written.get("instance_count") or 1,
    }
    return Plan(
        release=facts.release,
        stage=stage.name,
        model=PlannedModel(
            name=definition.model.name,
            digest=content.model_digest,
            files=content.model_files,
            bytes=content.model_bytes,
            source=content.source,
            git_commit=content.git_commit,
            signed_by=content.signed_by,
        ),
        metrics=content.metrics,
        environment=content.environment,
        code=PlannedCode(digest=content.code_digest),
        definition=PlannedDefinition(version=facts.definition_version, digest=facts.definition_digest),
        target=planned_target(stage, facts.subscription),
        endpoint=merged(content.endpoint, shown(stage.endpoint_settings)),
        deployment=PlannedDeployment.model_validate({**written, **machines}),
        traffic=moving.shares_that_find(facts.finds.get(stage.name, ())),
        analysis=moving.analysis,
        checks=PlannedChecks(
            golden=definition.checks.golden,
            golden_requests=facts.golden_requests,
            replay=next((each.config.replay for each in steps if isinstance(each.config, VerifyDeployment)), None),
        ),
        after=_soak(definition, stage, facts),
        approval=stage.policy(Purpose.RELEASE),
        steps=tuple(steps),
    )


def _soak(definition: Definition, stage: StageDefinition, facts: ReleaseFacts) -> PlannedSoak | None:
    if stage.after is None:
        return None
    target = definition.stage(stage.after.stage).target(facts.subscription)
    return PlannedSoak(stage=stage.after.stage, target=str(target), serving_for=stage.after.serving_for)
