"""What other people do to an endpoint beside a release, with the SDK."""

import time
from collections.abc import Mapping

from app.azureml.deployments import begin_delete_deployment, get_deployment
from app.azureml.endpoints import get_endpoint
from app.azureml.types import Endpoint
from tests.azureml.fixtures import DEV
from tests.steps.fixtures import Team


def look_at(team: Team) -> Endpoint:
    found = get_endpoint(team.azure, DEV, team.endpoint)
    assert found is not None
    return found


def set_shares(team: Team, traffic: Mapping[str, int], mirror: Mapping[str, int] | None = None) -> None:
    """Set all of the live and all of the mirror traffic, and wait until it is in force."""
    with team.azure.connect(DEV, doing="set traffic by hand") as client:
        endpoint = client.online_endpoints.get(team.endpoint)
        endpoint.traffic, endpoint.mirror_traffic = dict(traffic), dict(mirror or {})
        client.online_endpoints.begin_create_or_update(endpoint)
    while not (seen := look_at(team)).is_settled:
        time.sleep(0.05)
    assert seen.state == "succeeded"


def delete(team: Team, deployment: str) -> None:
    """Delete a deployment and wait until it is gone."""
    begin_delete_deployment(team.azure, DEV, team.endpoint, deployment)
    while get_deployment(team.azure, DEV, team.endpoint, deployment) is not None:
        time.sleep(0.05)
