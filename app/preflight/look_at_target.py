"""Looking at a target before something goes back there: light, as people wait for it. Changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import get_endpoint
from app.azureml.facade import AzureML
from app.planning.checks import Check
from app.planning.frozen import Frozen
from app.planning.observed import DeploymentFacts
from app.planning.places import Target
from app.steps.contract import Context
from app.steps.endpoint_owner import is_ours
from app.steps.observing import facts_of_deployment


class TargetWanted(Frozen):
    """``model``: whose endpoint it is to be."""

    target: Target
    model: str
    stage: str


@dataclass(frozen=True)
class TargetSeen:
    """``usable``: the deployments that can answer, by their names in lower case."""

    check: Check
    usable: Mapping[str, DeploymentFacts] = field(default_factory=dict)


def look_at_target(azure: AzureML, context: Context, wanted: TargetWanted) -> TargetSeen:
    """Raises AzureMLError where Azure does not tell."""
    context.checkpoint()
    place, name = wanted.target.place, wanted.target.endpoint
    endpoint = get_endpoint(azure, place, name)
    if endpoint is None:
        return TargetSeen(_check(wanted, f"Endpoint {name} no longer exists, and is created again."))
    if not is_ours(endpoint, wanted.model):
        return TargetSeen(
            _check(wanted, f"Endpoint {name} does not belong to {wanted.model} any more.", code="not_ours")
        )
    there = list_deployments(azure, place, name)
    usable = {each.name.lower(): facts_of_deployment(each) for each in there if each.can_answer}
    return TargetSeen(_check(wanted, f"Endpoint {name} belongs to this model."), usable)


def _check(wanted: TargetWanted, sentence: str, *, code: str = "passed") -> Check:
    outcome: Literal["passed", "failed"] = "passed" if code == "passed" else "failed"
    return Check(stage=wanted.stage, check="endpoint", outcome=outcome, code=code, sentence=sentence)
