"""Online endpoints: made, looked at, given traffic. Every change only begins here; look again to see its end."""

from collections.abc import Collection, Mapping
from pathlib import Path

from azure.ai.ml import load_online_endpoint
from azure.ai.ml.entities import EndpointAuthKeys, IdentityConfiguration, OnlineEndpoint

from app.azureml.errors import AlreadyExists, ChangedMeanwhile, NameTaken, NotFound
from app.azureml.facade import AzureML
from app.azureml.sdk_values import word, words
from app.azureml.translation import translated
from app.azureml.types import Endpoint, EndpointKeys
from app.azureml.yaml_files import as_source, read_mapping
from app.documents.json_object import Json
from app.documents.merging import merged
from app.planning.places import Place


def get_endpoint(azure: AzureML, workspace: Place, name: str) -> Endpoint | None:
    """The endpoint as it is now, or None."""
    try:
        with azure.connect(workspace, doing=f"read endpoint {name} in {workspace}") as client:
            return _plain(client.online_endpoints.get(name))
    except NotFound:
        return None


def read_endpoint_file(file: Path, name: str, *, overrides: Json | None = None) -> Endpoint:
    """What an endpoint's YAML asks for, with these settings over it. Raises BadRequest."""
    with translated(f"read {file.name}"):
        return _plain(_load(file, name, overrides or {}))


def begin_create_endpoint(
    azure: AzureML, workspace: Place, name: str, *, file: Path, overrides: Json | None = None, tags: Mapping[str, str]
) -> None:
    """Ask for an endpoint as the YAML says, with these settings over it. Raises NameTaken when the region has one of this name."""
    try:
        with azure.connect(workspace, doing=f"create endpoint {name} in {workspace}") as client:
            endpoint = _load(file, name, overrides or {})
            endpoint.tags = {**(endpoint.tags or {}), **tags}
            client.online_endpoints.begin_create_or_update(endpoint)
    except AlreadyExists as taken:
        raise NameTaken(
            taken.sentence,
            azure_code=taken.azure_code,
            hint="Endpoint names are unique in a region: choose another in release.yml.",
        ) from None


def begin_delete_endpoint(azure: AzureML, workspace: Place, name: str) -> None:
    """Ask for its end, and that of every deployment in it."""
    with azure.connect(workspace, doing=f"delete endpoint {name} in {workspace}") as client:
        client.online_endpoints.begin_delete(name)


def begin_set_traffic(
    azure: AzureML,
    workspace: Place,
    seen: Endpoint,
    traffic: Mapping[str, int],
    *,
    tags: Mapping[str, str],
    mirrors: Collection[str],
    mirror: Mapping[str, int] | None = None,
) -> None:
    """Ask for these shares, add these tags, keep everything else. Mirror traffic stays at deployments of ``mirrors`` only.

    ``seen``: the endpoint by whose shares this was decided. Azure checks no version: what somebody else set since then, as while this
    waited for its turn, raises ChangedMeanwhile. ``mirror``: shares of copies to add, in percent.
    """
    name = seen.name
    with azure.connect(workspace, doing=f"set the traffic of endpoint {name} in {workspace}") as client:
        endpoint = client.online_endpoints.get(name)
        if _positive(_shares(endpoint.traffic)) != seen.live_traffic or (
            _positive(_shares(endpoint.mirror_traffic)) != _positive(seen.mirror_traffic)
        ):
            raise ChangedMeanwhile(f"Somebody changed the traffic of {name} after it was looked at.")
        endpoint.traffic = dict(traffic)
        mirrored = endpoint.mirror_traffic or {}
        kept = {each: share for each, share in mirrored.items() if str(each).lower() in mirrors}
        endpoint.mirror_traffic = {**kept, **(mirror or {})}
        endpoint.tags = {**(endpoint.tags or {}), **tags}
        client.online_endpoints.begin_create_or_update(endpoint)


def begin_add_tags(azure: AzureML, workspace: Place, name: str, tags: Mapping[str, str]) -> None:
    """Ask for these tags beside the others, and keep everything else."""
    with azure.connect(workspace, doing=f"tag endpoint {name} in {workspace}") as client:
        endpoint = client.online_endpoints.get(name)
        endpoint.tags = {**(endpoint.tags or {}), **tags}
        client.online_endpoints.begin_create_or_update(endpoint)


def read_keys(azure: AzureML, workspace: Place, name: str) -> EndpointKeys | None:
    """Both keys; None when the endpoint takes tokens instead. Never log or store them."""
    with azure.connect(workspace, doing=f"read the keys of endpoint {name} in {workspace}") as client:
        keys = client.online_endpoints.get_keys(name)
        if not isinstance(keys, EndpointAuthKeys):
            return None
        return EndpointKeys(primary=str(keys.primary_key), secondary=str(keys.secondary_key))


def _load(file: Path, name: str, overrides: Json) -> OnlineEndpoint:
    written = {**merged(read_mapping(file), overrides), "name": name}
    return load_online_endpoint(as_source(written), relative_origin=str(file))


def _plain(endpoint: OnlineEndpoint) -> Endpoint:
    properties = endpoint.properties or {}
    return Endpoint(
        name=str(endpoint.name),
        state=word(endpoint.provisioning_state).lower(),
        auth_mode=word(endpoint.auth_mode),
        location=str(endpoint.location or ""),
        scoring_uri=endpoint.scoring_uri,
        openapi_uri=endpoint.openapi_uri,
        traffic=_shares(endpoint.traffic),
        mirror_traffic=_shares(endpoint.mirror_traffic),
        tags=words(endpoint.tags),
        public_network_access=word(getattr(endpoint, "public_network_access", None)) or None,
        identity=_identity(endpoint.identity),
        operation_uri=properties.get("AzureAsyncOperationUri"),
    )


def _identity(identity: IdentityConfiguration | None) -> str | None:
    """Its kind, and the ids of those that the team assigned. Azure's own ids of it follow from these."""
    if identity is None:
        return None
    assigned = sorted(str(each.resource_id).lower() for each in identity.user_assigned_identities or ())
    return ", ".join([word(identity.type).lower(), *assigned])


def _positive(shares: Mapping[str, int]) -> dict[str, int]:
    return {name: share for name, share in shares.items() if share}


def _shares(traffic: Mapping[str, int] | None) -> dict[str, int]:
    """In lower case: Azure compares names so, and shows them as whoever set the traffic wrote them."""
    return {str(name).lower(): int(share) for name, share in (traffic or {}).items()}
