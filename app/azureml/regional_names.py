"""Who has an endpoint's name in a region. Azure has no way to ask, and tells it only when an endpoint is made."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.azureml.endpoints import get_endpoint
from app.azureml.errors import NotPermitted
from app.azureml.facade import AzureML
from app.azureml.places import same_region
from app.planning.places import Place

MOST_WORKSPACES = 40  # each is a request, and somebody waits for the answer


@dataclass(frozen=True)
class NameSearch:
    """Where a name was looked for, and the workspace that has it, if one was found."""

    looked_in: tuple[Place, ...]
    owner: Place | None
    is_whole: bool  # every workspace of the region that we may see was looked in


def search_name(azure: AzureML, workspace: Place, *, region: str, name: str, also: Iterable[Place] = ()) -> NameSearch:
    """Look for the endpoint in the other workspaces of its subscription and region, and in ``also``.

    Raises AzureMLError where Azure does not answer. Workspaces that we may not read count as looked at in vain.
    """
    try:
        listed = _workspaces(azure, workspace, region)
        may_list = True
    except NotPermitted:
        listed, may_list = [], False
    others = {_key(each): each for each in [*also, *listed]}
    others.pop(_key(workspace), None)
    chosen = tuple(others.values())[:MOST_WORKSPACES]
    owner = next((each for each in chosen if _has(azure, each, name)), None)
    return NameSearch(chosen, owner, is_whole=may_list and len(chosen) == len(others))


def _workspaces(azure: AzureML, workspace: Place, region: str) -> list[Place]:
    with azure.connect(workspace, doing=f"list the workspaces of subscription {workspace.subscription}") as client:
        return [
            Place(
                subscription=workspace.subscription, resource_group=str(each.resource_group), workspace=str(each.name)
            )
            for each in client.workspaces.list(scope="subscription")
            if same_region(each.location, region)
        ]


def _has(azure: AzureML, workspace: Place, name: str) -> bool:
    try:
        return get_endpoint(azure, workspace, name) is not None
    except NotPermitted:
        return False


def _key(workspace: Place) -> str:
    return workspace.arm_id.lower()
