"""What preflight looks at, one function a check.

Each returns the sentence of what is well, raises Refused for what would end the release, and lets what Azure does not answer
(AzureMLError) through: then it is not known.
"""

from pathlib import Path

from app.azureml.endpoint_sizes import is_listed
from app.azureml.errors import AzureMLError, ConnectionLost, NotFound, NotPermitted
from app.azureml.facade import AzureML
from app.azureml.identities import principal_of
from app.azureml.places import registry_place, workspace_region
from app.azureml.quota import cores_for
from app.azureml.regional_names import search_name
from app.azureml.rights import read_rights, read_rights_of
from app.azureml.secrets import require_vault
from app.azureml.types import RegistryRef
from app.planning.places import Place
from app.planning.tags import MODEL_TAG
from app.preflight.looking import Preflight, StageLook
from app.steps.contract import Refused
from app.steps.definition_files import mistakes_of_sdk
from app.steps.endpoint_owner import is_ours, require_usable

_ML = "Microsoft.MachineLearningServices"
_AT_ORIGIN = (f"{_ML}/workspaces/models/versions/write",)
_AT_STAGE = (f"{_ML}/workspaces/onlineEndpoints/write", f"{_ML}/workspaces/onlineEndpoints/deployments/write")
# What golden requests are sent with, by the endpoint's auth mode.
_CREDENTIALS = {
    "key": f"{_ML}/workspaces/onlineEndpoints/listKeys/action",
    "aml_token": f"{_ML}/workspaces/onlineEndpoints/token/action",
    "aad_token": f"{_ML}/workspaces/onlineEndpoints/score/action",
}
_AT_REGISTRY = (f"{_ML}/registries/assets/write",)
_TO_ASSIGN = ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",)
_TO_READ = f"{_ML}/registries/assets/read"
_NAMES = "Endpoint names are unique in a region: choose another in release.yml, for example with the stage's name at its end."
_KEY_ROLE = "Give the service's identity the role Key Vault Secrets Officer at the vault."


def files(bundle: Path, wanted: Preflight) -> str:
    """The SDK takes endpoint, deployment and score code as they are written."""
    mistakes = mistakes_of_sdk(bundle, endpoint=wanted.endpoint, deployment=wanted.deployment)
    if mistakes:
        raise Refused(
            f"Azure ML cannot use the definition: {'; '.join(map(str, mistakes))}.",
            code="definition_invalid",
            hint="Correct the mistakes, and apply the definition again.",
        )
    return f"Azure ML's SDK accepts {wanted.endpoint} and {wanted.deployment}."


def workspace(look: StageLook) -> str:
    """It is there."""
    try:
        return f"Workspace {look.workspace.workspace} exists, in {look.region}."
    except NotFound:
        raise Refused(
            f"There is no workspace {look.workspace.workspace} in resource group {look.workspace.resource_group}, or the service may "
            "not see it.",
            code="workspace_not_found",
            hint="Correct workspace, resource_group or subscription in release.yml, or give the service access.",
        ) from None


def registry(look: StageLook) -> str:
    """It is there, and serves the regions that content comes from and goes to."""
    name = look.stage.registry or ""
    try:
        place = registry_place(look.azure, RegistryRef(name))
    except NotFound:
        raise Refused(
            f"There is no registry {name}, or the service may not see it.",
            code="registry_not_found",
            hint="Correct registry in release.yml, or give the service access to it.",
        ) from None
    regions = {
        str(look.workspace): look.region,
        str(look.wanted.origin): workspace_region(look.azure, look.wanted.origin),
    }
    outside = [f"{where} is in {region}" for where, region in regions.items() if region not in place.regions]
    if outside:
        raise Refused(
            f"Registry {name} is in {', '.join(sorted(place.regions))} only, and {' and '.join(outside)}.",
            code="registry_region",
            hint="Add the region to the registry, or name another registry in release.yml.",
        )
    missing = missing_rights(look.azure, place.arm_id, _AT_REGISTRY)
    if missing:
        raise not_permitted(missing, f"registry {name}", role="AzureML Registry User")
    return f"Registry {name} is in the regions of both workspaces, and the service may share to it."


def content_registries(look: StageLook) -> str:
    """They serve the region that content is deployed to."""
    for name in look.wanted.reads:
        try:
            place = registry_place(look.azure, RegistryRef(name))
        except NotFound as hidden:  # its content was read: only where it is may not be seen
            raise AzureMLError(f"Azure does not tell which regions registry {name} is in.") from hidden
        if look.region not in place.regions:
            raise Refused(
                f"Registry {name} is in {', '.join(sorted(place.regions))} only, and {look.workspace} is in {look.region}.",
                code="registry_region",
                hint="Add the region to the registry, or release a model and an environment of another one.",
            )
    return f"The region of {look.workspace} has the content of {' and '.join(look.wanted.reads)}."


def permissions(look: StageLook) -> str:
    """Our identity may do what the steps will do."""
    auth_mode = look.endpoint_file.auth_mode.lower()
    at_stage = (*_AT_STAGE, *(action for mode, action in _CREDENTIALS.items() if mode == auth_mode))
    at_origin = _AT_ORIGIN if look.wanted.registers else ()
    for where, actions in ((look.wanted.origin, at_origin), (look.workspace, at_stage)):
        missing = missing_rights(look.azure, where.arm_id, actions)
        if missing:
            raise not_permitted(missing, str(where), role="AzureML Data Scientist")
    return f"The service may create endpoints and deployments in {look.workspace}."


def endpoint_identity(look: StageLook, identity: str) -> str:
    """The user-assigned one is there, we may give it to the endpoint, and it may read what is deployed from registries."""
    name = identity.rpartition("/")[2]
    try:
        principal = principal_of(look.azure, identity)
        missing = missing_rights(look.azure, identity, _TO_ASSIGN)
    except NotFound:
        raise Refused(
            f"There is no identity {name} for endpoint {look.stage.endpoint}.",
            code="identity_not_found",
            hint="Make it, or correct identity in endpoint.yml.",
        ) from None
    except NotPermitted:
        missing = list(_TO_ASSIGN)
    if missing:
        raise not_permitted(missing, f"identity {name}", role="Managed Identity Operator")
    for registry in look.registries:
        if not _may_read(look, principal, registry):
            raise Refused(
                f"Identity {name}, which endpoint {look.stage.endpoint} runs as, may not read registry {registry}.",
                code="endpoint_identity_not_permitted",
                hint=f"Give {name} the role Reader at registry {registry}, and release again some minutes later. Azure would refuse the "
                "deployment: Endpoint identity does not have pull permission on the registry.",
            )
    read = f", and that may read {' and '.join(look.registries)}" if look.registries else ""
    return f"The service may give endpoint {look.stage.endpoint} its identity {name}{read}."


def _may_read(look: StageLook, principal: str, registry: str) -> bool:
    place = registry_place(look.azure, RegistryRef(registry))
    try:
        return read_rights_of(look.azure, principal, place.arm_id).allow(_TO_READ)
    except NotPermitted as hidden:
        raise AzureMLError(
            f"Azure does not tell the service who may read registry {registry}.",
            code="role_assignments_hidden",
            hint="Give the service's identity a role with Microsoft.Authorization/*/read there, such as Reader.",
        ) from hidden


def endpoint(look: StageLook) -> str:
    """The name is free in the region, as far as we can see, or the endpoint is one that the release can use."""
    name = look.stage.endpoint
    _require_name_of_its_own(look)
    found = look.endpoint_there
    if found is None:
        return _free_name(look)
    if not found.is_settled:
        raise AzureMLError(f"Endpoint {name} is being changed: it is {found.state}.", hint="Try again when it is not.")
    is_own = is_ours(found, look.wanted.model)
    if is_own and found.state != "succeeded" and not found.traffic:
        return f"Endpoint {name} belongs to this model; it had failed and is created again."
    require_usable(found, look.wanted.model, look.endpoint_file, workspace=look.workspace, stage=look.stage.name)
    return f"Endpoint {name} {'belongs to this model' if MODEL_TAG in found.tags else 'exists and is empty'}."


def _require_name_of_its_own(look: StageLook) -> None:
    """Raise Refused when an earlier stage of the release makes an endpoint of this name in the same region."""
    for stage in look.wanted.stages:
        if stage.name == look.stage.name:
            return
        if stage.endpoint.lower() != look.stage.endpoint.lower() or not _is_in_region(look, stage.workspace):
            continue
        raise Refused(
            f"Stages {stage.name} and {look.stage.name} both have the endpoint name {look.stage.endpoint}, and both workspaces "
            f"are in {look.region}.",
            code="name_taken",
            hint=_NAMES,
        )


def _free_name(look: StageLook) -> str:
    name = look.stage.endpoint
    known = [look.wanted.origin, *(stage.workspace for stage in look.wanted.stages)]
    in_region = [each for each in known if each != look.workspace and _is_in_region(look, each)]
    found = search_name(look.azure, look.workspace, region=look.region, name=name, also=in_region)
    if found.owner is not None:
        raise Refused(
            f"The endpoint name {name} is taken in {look.region}: {found.owner} has an endpoint of this name.",
            code="name_taken",
            hint=_NAMES,
        )
    if found.is_whole:
        return f"The name {name} is free in all workspaces of {look.region} that the service can see."
    return (
        f"The name {name} is free in {look.workspace} and in {len(found.looked_in)} other workspaces of {look.region}; the "
        "service cannot look into all of them."
    )


def _is_in_region(look: StageLook, workspace: Place) -> bool:
    """Of the stage. Not when it is not there: that is said by another check."""
    try:
        return workspace_region(look.azure, workspace) == look.region
    except NotFound:
        return False


def instance_type(look: StageLook) -> str:
    """It is one of the sizes that managed online endpoints run on. Azure itself tells before the deployment is made only."""
    wanted = look.machines[0]
    if not is_listed(wanted):
        raise AzureMLError(
            f"{wanted} is not in Microsoft's list of sizes for managed online endpoints, as this version knows it: Azure "
            "will probably refuse the deployment.",
            code="instance_type_unlisted",
            hint="The list: https://aka.ms/managed-online-endpoint-vm-sku-list.",
        )
    return f"Managed online endpoints run on {wanted}."


def quota(look: StageLook) -> str:
    """The region has the cores for one more deployment, beside all that is there now."""
    instance_type, instances = look.machines
    found = cores_for(look.azure, look.workspace, region=look.region, instance_type=instance_type, instances=instances)
    if found is None:
        raise AzureMLError(f"Azure lists no quota for {instance_type} in {look.region}.", code="quota_unknown")
    machines = f"{instances} × {instance_type} in {look.region} take {found.needed} cores of {found.family}"
    if not found.are_enough:
        raise Refused(
            f"{machines}, of which {max(found.limit - found.used, 0)} are left: {found.used} of {found.limit} are used.",
            code="quota_exceeded",
            hint="Azure reserves 20% on top of the instances for upgrades. Delete deployments that nobody needs, choose a "
            "smaller instance_type or instance_count, or ask for more quota in the portal.",
        )
    return f"{machines}; {found.limit - found.used} are left."


def key_vault(look: StageLook) -> str:
    """It answers, and lets us read. Whether it lets us write is not tried: that would leave something."""
    vault = look.stage.key_vault or ""
    try:
        require_vault(look.azure, vault, secret=f"{look.stage.endpoint}-scoring-uri")
    except NotFound:
        raise Refused(
            f"There is no Key Vault {vault}.", code="key_vault_not_found", hint="Correct key_vault in release.yml."
        ) from None
    except NotPermitted:
        raise Refused(
            f"The service may not read the secrets of Key Vault {vault}.", code="not_permitted", hint=_KEY_ROLE
        ) from None
    except ConnectionLost as lost:
        raise Refused(
            f"Key Vault {vault} cannot be reached: {lost.sentence}",
            code="key_vault_unreachable",
            hint="Check the name, and whether its firewall allows the workers.",
        ) from None
    return f"Key Vault {vault} responds, and its secrets can be read."


def missing_rights(azure: AzureML, resource: str, actions: tuple[str, ...]) -> list[str]:
    """Which of these our identity may not do there."""
    rights = read_rights(azure, resource)
    return [action for action in actions if not rights.allow(action)]


def not_permitted(missing: list[str], where: str, *, role: str) -> Refused:
    """The refusal that says so, and which role would give it."""
    return Refused(
        f"The service may not do {', '.join(missing)} at {where}.",
        code="not_permitted",
        hint=f"Give the service's identity the role {role} there, or one that allows this.",
    )
