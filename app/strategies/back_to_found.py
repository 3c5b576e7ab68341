"""Going back to a deployment that others made: as it is on record, proven as far as anybody knows what it is. Pure.

There is no content to compare and nobody has said what it must answer; it cannot be made anew.
"""

from dataclasses import dataclass

from app.definitions.schema import Definition, StageDefinition
from app.planning.kinds import (
    ConfirmServing,
    PublishSecrets,
    ReuseDeployment,
    ShiftTraffic,
    StepConfig,
    VerifyDeployment,
)
from app.planning.observed import DeploymentFacts
from app.planning.plan import (
    Plan,
    PlannedDefinition,
    PlannedDeployment,
    PlannedModel,
    PlannedTraffic,
)
from app.planning.purpose import Purpose
from app.planning.sources import FoundSource
from app.planning.steps import PlannedStep
from app.strategies.planned_target import planned_target


@dataclass(frozen=True)
class FoundFacts:
    """What a plan is made for. ``found``: the deployment as it is on record."""

    release: str
    definition_version: int
    definition_digest: str
    subscription: str  # of a stage that names none
    found: DeploymentFacts


def plan_back_to_found(definition: Definition, stage: StageDefinition, facts: FoundFacts, purpose: Purpose) -> Plan:
    """What people approve, where anybody is asked."""
    name = facts.found.name
    return Plan(
        release=facts.release,
        purpose=purpose,
        stage=stage.name,
        model=PlannedModel(name=definition.model.name, source=FoundSource(deployment=name)),
        definition=PlannedDefinition(version=facts.definition_version, digest=facts.definition_digest),
        target=planned_target(stage, facts.subscription),
        deployment=PlannedDeployment(
            name=name,
            instance_type=facts.found.instance_type,
            instance_count=facts.found.instance_count or 1,
        ),
        traffic=(PlannedTraffic(deployment=name, percent=100, after=VerifyDeployment.kind),),
        approval=stage.policy(purpose),
        steps=_steps(definition, stage, facts),
    )


def _steps(definition: Definition, stage: StageDefinition, facts: FoundFacts) -> tuple[PlannedStep, ...]:
    """One after the other; those that look again whether it is as it was need the first one's output, too."""
    place, endpoint, found = stage.place(facts.subscription), stage.endpoint, facts.found
    configs: list[StepConfig] = [
        ReuseDeployment(
            workspace=place,
            endpoint=endpoint,
            deployment=found.name,
            owner=definition.model.name,
            recorded=found,
            digest=None,
        ),
        VerifyDeployment(workspace=place, endpoint=endpoint, deployment=found.name, digest=None),
        ShiftTraffic(workspace=place, endpoint=endpoint, deployment=found.name, made_by=ReuseDeployment.kind),
    ]
    if stage.key_vault:
        configs.append(PublishSecrets(workspace=place, endpoint=endpoint, key_vault=stage.key_vault))
    configs.append(
        ConfirmServing(
            workspace=place,
            endpoint=endpoint,
            deployment=found.name,
            made_by=ReuseDeployment.kind,
            key_vault=stage.key_vault,
        )
    )
    steps: list[PlannedStep] = []
    for config in configs:
        needs = (steps[-1].key,) if steps else ()
        if isinstance(config, ShiftTraffic | ConfirmServing):
            needs = (*needs, ReuseDeployment.kind)
        seconds = definition.timeouts.seconds(config.kind)
        steps.append(PlannedStep.of(config, needs=needs, timeout_seconds=seconds))
    return tuple(steps)
