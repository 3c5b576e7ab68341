"""What endpoints and deployments can ask for in Azure and would get nothing of here: refused, not silently dropped."""

from collections.abc import Mapping
from typing import Any

from emulator import arm
from emulator.errors import BadRequest
from emulator.store import Document

# With null, or with what says the same, all of these are taken.
_DEPLOYMENT = frozenset(
    [
        "appInsightsEnabled",
        "codeConfiguration",
        "dataCollector",
        "description",
        "egressPublicNetworkAccess",
        "endpointComputeType",
        "environmentId",
        "environmentVariables",
        "instanceType",
        "livenessProbe",
        "model",
        "modelMountPath",
        "properties",
        "provisioningState",
        "readinessProbe",
        "requestSettings",
        "scaleSettings",
    ]
)
_ENDPOINT = frozenset(
    [
        "authMode",
        "compute",
        "description",
        "keys",
        "mirrorTraffic",
        "properties",
        "provisioningState",
        "publicNetworkAccess",
        "scoringUri",
        "swaggerUri",
        "traffic",
    ]
)


def check_deployment(sent: Document) -> None:
    """Raise BadRequest("NotEmulated") for settings that would have no effect."""
    if str(sent.get("endpointComputeType") or "Managed").lower() != "managed":
        raise _refused("only managed deployments are emulated, not Kubernetes'")
    if sent.get("modelMountPath"):
        raise _refused("modelMountPath: a model lies below AZUREML_MODEL_DIR only")
    if sent.get("appInsightsEnabled"):
        raise _refused("appInsightsEnabled: there is no Application Insights")
    if str(sent.get("egressPublicNetworkAccess") or "Enabled").lower() != "enabled":
        raise _refused("egressPublicNetworkAccess: there are no networks to keep a deployment in")
    if str(arm.object_of(sent, "scaleSettings").get("scaleType") or "Default").lower() != "default":
        raise _refused("scaleSettings: instances are as many as the deployment says")
    _check_collector(sent.get("dataCollector"))
    _check_known(sent, _DEPLOYMENT)


def check_endpoint(sent: Document) -> None:
    """Raise BadRequest("NotEmulated") for settings that would have no effect."""
    if sent.get("compute"):
        raise _refused("compute: only managed endpoints are emulated, not Kubernetes'")
    _check_known(sent, _ENDPOINT)


def check_environment(properties: Document) -> None:
    """Raise BadRequest("NotEmulated") when an environment brings a server of its own."""
    if properties.get("inferenceConfig"):
        raise _refused("an environment's inferenceConfig: every deployment is served by Azure's inference server")


def choice(value: Any, known: tuple[str, ...], *, field: str) -> str:
    """One of ``known`` as Azure spells it, the first for null; BadRequest for anything else."""
    for each in known:
        if str(value or known[0]).lower() == each.lower():
            return each
    raise BadRequest(f"{field} must be one of {', '.join(known)}, not '{value}'.", code="ValidationError")


def _check_collector(sent: Any) -> None:
    collections = (sent or {}).get("collections") or {}
    if not isinstance(collections, Mapping):
        raise BadRequest("dataCollector.collections must be an object.", code="ValidationError")
    for name, each in collections.items():
        if str((each or {}).get("dataCollectionMode") if isinstance(each, dict) else each).lower() != "disabled":
            raise _refused(f"dataCollector: nothing would be collected as '{name}'")


def _check_known(sent: Document, known: frozenset[str]) -> None:
    for name, value in sent.items():
        if name not in known and value not in (None, {}, [], False):
            raise _refused(f"properties.{name}")


def _refused(what: str) -> BadRequest:
    return BadRequest(f"This is not emulated: {what}.", code="NotEmulated")
