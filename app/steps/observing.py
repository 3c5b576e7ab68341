"""What a step read back from Azure, as the serving record takes it."""

import hashlib
from collections.abc import Iterable

from app.azureml.types import Deployment, Endpoint
from app.planning.observed import DeploymentFacts, EndpointFacts, Observed
from app.planning.tags import DIGEST_TAG, RELEASE_TAG


def facts_of_deployment(found: Deployment) -> DeploymentFacts:
    """Its model's digest is what its tag says."""
    return DeploymentFacts(
        name=found.name.lower(),
        release=found.tags.get(RELEASE_TAG),
        model=found.model,
        digest=found.tags.get(DIGEST_TAG),
        environment=found.environment,
        code=found.code,
        scoring_script=found.scoring_script,
        instance_type=found.instance_type,
        instance_count=found.instance_count,
        environment_variables={name: _digest(value) for name, value in found.environment_variables.items()},
        settings=found.settings,
        state=found.state,
        tags=found.tags,
    )


def facts_of_endpoint(found: Endpoint) -> EndpointFacts:
    return EndpointFacts(
        name=found.name,
        location=found.location,
        auth_mode=found.auth_mode,
        public_network_access=found.public_network_access,
        scoring_uri=found.scoring_uri,
        identity=found.identity,
        state=found.state,
        tags=found.tags,
    )


def observed_traffic(endpoint: Endpoint, deployments: Iterable[Deployment] = ()) -> Observed:
    """All of an endpoint's traffic. ``deployments``: those there, of which others' become known with their share."""
    shares = {name for name, share in (*endpoint.traffic.items(), *endpoint.mirror_traffic.items()) if share}
    others = [each for each in deployments if RELEASE_TAG not in each.tags and each.name.lower() in shares]
    return Observed(
        traffic=endpoint.live_traffic,
        mirror=dict(endpoint.mirror_traffic),
        deployments=tuple(facts_of_deployment(each) for each in others),
    )


def traffic_in_force(endpoint: Endpoint) -> Observed | None:
    """None where nobody can tell: an update that failed shows the shares that it was asked for, and has not set them."""
    return observed_traffic(endpoint) if endpoint.state == "succeeded" else None


def _digest(value: str) -> str:
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
