"""What other people do to an endpoint beside a release, with the SDK."""

import time
from collections.abc import Mapping

from app.azureml.deployments import begin_delete_deployment, get_deployment
from app.azureml.endpoints import begin_delete_endpoint, get_endpoint
from app.azureml.types import Endpoint
from tests.azureml.fixtures import DEV
from tests.steps.fixtures import Team


def look_at(team: Team) -> Endpoint:
    found = get_endpoint(team.azure, DEV, team.endpoint)
    assert found is not None
    return found


def set_shares(
    team: Team,
    traffic: Mapping[str, int],
    mirror: Mapping[str, int] | None = None,
    *,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Set all of the live and all of the mirror traffic, and wait until it is in force. ``tags``: beside those that are there."""
    with team.azure.connect(DEV, doing="set traffic by hand") as client:
        endpoint = client.online_endpoints.get(team.endpoint)
        endpoint.traffic, endpoint.mirror_traffic = dict(traffic), dict(mirror or {})
        endpoint.tags = {**endpoint.tags, **(tags or {})}
        client.online_endpoints.begin_create_or_update(endpoint)
    while not (seen := look_at(team)).is_settled:
        time.sleep(0.05)
    assert seen.state == "succeeded"


def delete(team: Team, deployment: str) -> None:
    """Delete a deployment and wait until it is gone."""
    begin_delete_deployment(team.azure, DEV, team.endpoint, deployment)
    while get_deployment(team.azure, DEV, team.endpoint, deployment) is not None:
        time.sleep(0.05)


def tag_deployment(team: Team, deployment: str, **tags: str) -> None:
    """Set tags of a deployment, as an update in place does, and wait for its end."""
    with team.azure.connect(DEV, doing="tag a deployment by hand") as client:
        found = client.online_deployments.get(deployment, team.endpoint)
        found.tags = {**found.tags, **{name.replace("_", "."): value for name, value in tags.items()}}
        client.online_deployments.begin_create_or_update(found)
    while (seen := get_deployment(team.azure, DEV, team.endpoint, deployment)) is None or not seen.is_settled:
        time.sleep(0.05)


def regenerate_key(team: Team) -> None:
    with team.azure.connect(DEV, doing="regenerate a key by hand") as client:
        client.online_endpoints.begin_regenerate_keys(team.endpoint, key_type="primary").result()


def delete_endpoint(team: Team) -> None:
    begin_delete_endpoint(team.azure, DEV, team.endpoint)
    while get_endpoint(team.azure, DEV, team.endpoint) is not None:
        time.sleep(0.05)
