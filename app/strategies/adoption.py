"""Adoption: a plan with one step, which takes in what is at a target as it is. Nothing of it is changed but the endpoint's tag."""

from dataclasses import dataclass

from app.definitions.schema import Definition, StageDefinition
from app.planning.drift import Difference
from app.planning.kinds import AdoptTarget
from app.planning.observed import Observed
from app.planning.plan import Plan, PlannedDefinition, PlannedModel
from app.planning.purpose import Purpose
from app.planning.sources import EndpointSource
from app.planning.steps import PlannedStep
from app.strategies.planned_target import planned_target


@dataclass(frozen=True)
class AdoptionFacts:
    """What a plan is made for. ``recorded``: all that was on record of the target; None: nothing was."""

    release: str
    definition_version: int
    definition_digest: str
    subscription: str  # of a stage that names none
    found: Observed
    recorded: Observed | None = None
    differences: tuple[Difference, ...] = ()


def plan_adoption(definition: Definition, stage: StageDefinition, facts: AdoptionFacts) -> Plan:
    """What people approve: exactly what is on record from then on."""
    place = stage.place(facts.subscription)
    there = {each.name for each in facts.found.deployments}
    known = () if facts.recorded is None else facts.recorded.deployments
    adopt = PlannedStep.of(
        AdoptTarget(
            workspace=place,
            endpoint=stage.endpoint,
            model=definition.model.name,
            found=facts.found,
            gone=tuple(each.name for each in known if each.name not in there),
            differences=facts.differences,
        )
    )
    minutes = definition.timeouts.seconds(adopt.kind)
    return Plan(
        release=facts.release,
        purpose=Purpose.ADOPTION,
        stage=stage.name,
        model=PlannedModel(name=definition.model.name, source=EndpointSource(endpoint=stage.endpoint)),
        definition=PlannedDefinition(version=facts.definition_version, digest=facts.definition_digest),
        target=planned_target(stage, facts.subscription),
        approval=stage.policy(Purpose.ADOPTION),
        steps=(adopt if minutes is None else adopt.model_copy(update={"timeout_seconds": minutes}),),
    )
