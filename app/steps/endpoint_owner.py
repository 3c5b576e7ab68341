"""The owner of an endpoint, and whether a model can be served from it.

The tag ``mlrelease.model`` says whose it is. Setting it hands an endpoint over: whoever may write the endpoint's tags in Azure may
do so, and what else a team may use is kept by the service's own rules for endpoints.
"""

from app.azureml.types import Endpoint
from app.planning.places import Place
from app.planning.tags import MODEL_TAG
from app.steps.contract import Refused


def is_ours(found: Endpoint, model: str) -> bool:
    """Whether this service made it, for this model."""
    return found.tags.get(MODEL_TAG) == model


def require_usable(found: Endpoint, model: str, spec: Endpoint, *, workspace: Place, stage: str) -> None:
    """Raise Refused, with what to do, unless ``model`` can be served from it as ``spec`` says."""
    differences = _differences(found, model, spec)
    if differences:
        raise Refused(
            f"Endpoint {found.name} in {workspace} already exists and cannot be used: {'; '.join(differences)}.",
            code="endpoint_differs" if is_ours(found, model) else "not_ours",
            hint=_hint(found, model, spec, workspace, stage),
            differences=differences,
        )


def _hint(found: Endpoint, model: str, spec: Endpoint, workspace: Place, stage: str) -> str:
    parts = []
    owner = found.tags.get(MODEL_TAG)
    if owner is None and found.traffic:
        parts.append(
            f"If it shall serve this model from now on, adopt it: mlrelease targets adopt {model} {stage}. What serves there goes "
            "on serving until the next release. Else choose another endpoint name in release.yml."
        )
    elif owner is not None and owner != model:
        parts.append(
            f"If {owner} has given it up, remove its tag {MODEL_TAG}: az tag update --operation Delete --tags {MODEL_TAG}={owner} "
            f"--resource-id {workspace.arm_id}/onlineEndpoints/{found.name}. Then adopt it: mlrelease targets adopt {model} {stage}. "
            "Else choose another endpoint name in release.yml."
        )
    if found.auth_mode.lower() != spec.auth_mode.lower() or _access(found) != _access(spec):
        parts.append(
            f"Write auth_mode: {found.auth_mode} and public_network_access: {_access(found)} into endpoint.yml, or change the "
            "endpoint."
        )
    if found.state != "succeeded":
        parts.append("Its last operation failed: repair it in Azure, or delete it if nobody needs it.")
    return " ".join(parts)


def _differences(found: Endpoint, model: str, spec: Endpoint) -> list[str]:
    """In what an endpoint is not one that ``model`` can be served from as ``spec`` says; nothing: it can."""
    differences = []
    if found.auth_mode.lower() != spec.auth_mode.lower():
        differences.append(f"auth_mode is {found.auth_mode}, expected {spec.auth_mode}")
    if _access(found) != _access(spec):
        differences.append(f"public_network_access is {_access(found)}, expected {_access(spec)}")
    if found.state != "succeeded":
        differences.append(f"its provisioning state is {found.state}")
    if is_ours(found, model):
        return differences
    owner = found.tags.get(MODEL_TAG)
    if owner is not None:
        differences.append(f"it serves model {owner}")
    elif found.traffic:
        differences.append(f"it has deployments of another origin: {', '.join(sorted(found.traffic))}")
    return differences


def _access(endpoint: Endpoint) -> str:
    return (endpoint.public_network_access or "enabled").lower()
