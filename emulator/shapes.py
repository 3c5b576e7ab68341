"""Of which type the members of ARM's bodies are: wrong ones are refused in one place, as Azure's deserialization does."""

from typing import Any

from emulator.errors import BadRequest

_TEXTS = frozenset(
    [
        "accountName",
        "assetName",
        "assetVersion",
        "authMode",
        "codeId",
        "codeUri",
        "command",
        "componentId",
        "computeId",
        "computeType",
        "condaFile",
        "containerName",
        "containerType",
        "dataType",
        "dataUri",
        "datastoreType",
        "default_compute",
        "description",
        "displayName",
        "display_name",
        "egressPublicNetworkAccess",
        "endpointComputeType",
        "environmentId",
        "experimentName",
        "family",
        "friendlyName",
        "image",
        "initialDelay",
        "instanceType",
        "jobInputType",
        "jobName",
        "jobOutputType",
        "jobType",
        "job_input_type",
        "job_output_type",
        "keyType",
        "keyValue",
        "kind",
        "maxQueueWait",
        "mode",
        "modelMountPath",
        "modelType",
        "modelUri",
        "osType",
        "period",
        "publicNetworkAccess",
        "requestTimeout",
        "scaleType",
        "scoringScript",
        "tier",
        "timeout",
        "type",
        "uri",
        "vmSize",
    ]
)
_OBJECTS = frozenset(
    [
        "build",
        "codeConfiguration",
        "componentSpec",
        "credentials",
        "dataCollector",
        "distribution",
        "environmentVariables",
        "environment_variables",
        "flavors",
        "identity",
        "inferenceConfig",
        "inputs",
        "jobs",
        "limits",
        "livenessProbe",
        "mirrorTraffic",
        "notificationSetting",
        "outputs",
        "properties",
        "queueSettings",
        "readinessProbe",
        "requestSettings",
        "resources",
        "scaleSettings",
        "secrets",
        "services",
        "settings",
        "sku",
        "tags",
        "traffic",
        "userAssignedIdentities",
    ]
)
_BOOLEANS = frozenset(["appInsightsEnabled", "isAnonymous", "isArchived"])
# The keys inside are names that a user chose, not members.
_MAPS = frozenset(
    [
        "environmentVariables",
        "environment_variables",
        "flavors",
        "inputs",
        "jobs",
        "mirrorTraffic",
        "outputs",
        "services",
        "tags",
        "traffic",
        "userAssignedIdentities",
    ]
)


def check(value: Any, *, at: str = "", keys_are_names: bool = False) -> None:
    """Raise BadRequest for the first member of another type than Azure has for it. Null stands for "not given" anywhere."""
    if isinstance(value, list):
        for position, each in enumerate(value):
            check(each, at=f"{at}[{position}]")
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        where = f"{at}.{name}" if at else name
        if not keys_are_names:
            _check_member(name, each, where)
        # The properties of a resource are its members, those inside of them are texts by the user's names.
        check(
            each, at=where, keys_are_names=not keys_are_names and (name in _MAPS or (name == "properties" and at != ""))
        )


def _check_member(name: str, value: Any, where: str) -> None:
    for names, kind, what in ((_TEXTS, str, "a string"), (_OBJECTS, dict, "an object"), (_BOOLEANS, bool, "a boolean")):
        if name in names and not isinstance(value, kind | None):
            raise BadRequest(
                f"The request content was invalid and could not be deserialized: {where} must be {what}.",
                code="InvalidRequestContent",
            )
