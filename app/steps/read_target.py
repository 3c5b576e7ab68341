"""Reading all that is at a target: its endpoint, its traffic and every deployment. Changes nothing."""

from dataclasses import dataclass

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.secrets import stale_secrets
from app.azureml.types import Deployment, Endpoint
from app.planning.observed import Observed
from app.planning.places import Target
from app.steps.observing import facts_of_deployment, facts_of_endpoint
from app.steps.publish_secrets import values_to_publish


@dataclass(frozen=True)
class Found:
    """``observed`` without an endpoint: there is none. ``changing``: what an operation changes just now, if anything."""

    observed: Observed
    changing: str | None = None
    stale_secrets: tuple[str, ...] = ()  # names of published ones that do not hold any more


def read_target(azure: AzureML, target: Target, key_vault: str | None = None) -> Found:
    """As it is now. ``key_vault``: where its secrets were published, to be compared. Raises AzureMLError."""
    endpoint = get_endpoint(azure, target.place, target.endpoint)
    if endpoint is None:
        return Found(Observed())
    try:
        deployments = list_deployments(azure, target.place, endpoint.name)
    except NotFound:
        return Found(Observed())  # deleted between the two requests
    changing = _changing(endpoint, deployments)
    stale: list[str] = []
    if key_vault is not None and changing is None:
        stale = stale_secrets(azure, key_vault, values_to_publish(azure, target.place, endpoint))
    return Found(observe_target(endpoint, deployments), changing, tuple(stale))


def observe_target(endpoint: Endpoint, deployments: list[Deployment]) -> Observed:
    """Everything that is there, ours and others'."""
    return Observed(
        traffic=endpoint.live_traffic,
        mirror={name: share for name, share in endpoint.mirror_traffic.items() if share},
        deployments=tuple(sorted(map(facts_of_deployment, deployments), key=lambda each: each.name)),
        endpoint=facts_of_endpoint(endpoint),
    )


def _changing(endpoint: Endpoint, deployments: list[Deployment]) -> str | None:
    if not endpoint.is_settled:
        return f"endpoint {endpoint.name} is {endpoint.state}"
    return next((f"deployment {each.name} is {each.state}" for each in deployments if not each.is_settled), None)
