"""Azure Resource Manager's conventions: ids, names, the envelope around every resource."""

import re
from datetime import UTC, datetime
from typing import Any

from emulator.errors import BadRequest
from emulator.store import Document

PROVIDERS = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
PROVIDER = f"{PROVIDERS}/Microsoft.MachineLearningServices"
WORKSPACE = PROVIDER + "/workspaces/{workspace}"
# The registry's own front end; its address comes from the registry's discovery.
REGISTRY_FRONT_END = "/mferp/managementfrontend"
REGISTRY = REGISTRY_FRONT_END + PROVIDER + "/registries/{registry}"

ASSET_NAME = r"[a-zA-Z0-9_][a-zA-Z0-9_\-.]{0,254}"


def now() -> str:
    """The time as ARM writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def workspace_id(workspace: Document) -> str:
    """The ARM id of a workspace document."""
    return (
        f"/subscriptions/{workspace['subscription']}/resourceGroups/{workspace['group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace['name']}"
    )


def resource_id(workspace: Document, *parts: str) -> str:
    """The ARM id of something in a workspace, e.g. ``resource_id(workspace, "models", "churn", "versions", "1")``."""
    return "/".join((workspace_id(workspace), *parts))


def created(by: str, *, before: Document | None = None) -> Document:
    """The systemData of a document that is written now; ``before`` is the systemData it had until now."""
    time = now()
    first = before or {"createdAt": time, "createdBy": by, "createdByType": "Application"}
    return {
        "createdAt": first["createdAt"],
        "createdBy": first["createdBy"],
        "createdByType": first["createdByType"],
        "lastModifiedAt": time,
        "lastModifiedBy": by,
        "lastModifiedByType": "Application",
    }


def envelope(resource: str, *, properties: Document, system_data: Document | None = None, **more: Any) -> Document:
    """A resource as ARM answers it; name and type follow from its id. ``more``: location, tags, identity, kind, sku."""
    segments = resource.strip("/").split("/")
    provider = segments.index("providers")
    name = segments[-1]
    kinds = segments[provider + 2 :: 2]
    return {
        "id": resource,
        "name": name,
        "type": "/".join([segments[provider + 1], *kinds]),
        "properties": properties,
        "systemData": system_data or {},
        **more,
    }


def check_name(name: str, *, what: str, pattern: str = ASSET_NAME) -> None:
    """Raise BadRequest for a name that Azure would refuse."""
    if not re.fullmatch(pattern, name):
        raise BadRequest(
            f"The {what} name '{name}' is invalid: it must match the pattern ^{pattern}$.", code="ValidationError"
        )


def object_of(body: Document, field: str) -> Document:
    """The object in a field of a request's body, empty where there is none. Raises BadRequest when it is something else."""
    sent = body.get(field)
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        raise BadRequest(f"{field} must be an object.", code="ValidationError")
    return sent


def properties_of(body: Document, *, required: bool = True) -> Document:
    """The properties of a request's body; raises BadRequest when they are none."""
    sent = body.get("properties")
    if sent is None and not required:
        return {}
    if not isinstance(sent, dict):
        raise BadRequest("The properties of the resource are required, as an object.", code="ValidationError")
    return sent


def tags_of(body: Document) -> Document:
    """The tags of a request's body; raises BadRequest unless they are texts by name."""
    tags = body.get("tags") or {}
    if not isinstance(tags, dict) or any(not isinstance(value, str | None) for value in tags.values()):
        raise BadRequest("The tags must be strings by name.", code="ValidationError")
    kept = {name: value for name, value in tags.items() if value is not None}
    _check_tags(kept)
    return kept


# Microsoft, "Use tags to organize your Azure resources": limitations.
_MAX_TAGS, _MAX_TAG_NAME, _MAX_TAG_VALUE = 50, 512, 256
_RESERVED_CHARACTERS = "<>%&\\?/"
_RESERVED_PREFIXES = ("microsoft", "azure", "windows")


def _check_tags(tags: Document) -> None:
    if len(tags) > _MAX_TAGS:
        raise BadRequest(
            f"The resource has {len(tags)} tags, but {_MAX_TAGS} is the maximum number.", code="InvalidTagCount"
        )
    wrong = [name for name in tags if any(each in _RESERVED_CHARACTERS or not each.isprintable() for each in name)]
    if wrong:
        raise BadRequest(
            f"The tag names '{', '.join(wrong)}' have reserved characters '{','.join(_RESERVED_CHARACTERS)}' or control "
            "characters.",
            code="InvalidTagNameCharacters",
        )
    seen: set[str] = set()
    for name, value in tags.items():
        if not name.strip() or len(name) > _MAX_TAG_NAME:
            raise BadRequest(
                f"The tag name '{name[:40]}' must have 1 to {_MAX_TAG_NAME} characters.", code="InvalidTagNameLength"
            )
        if name.lower().startswith(_RESERVED_PREFIXES):
            raise BadRequest(
                f"The tag name '{name}' begins with a reserved prefix: {', '.join(_RESERVED_PREFIXES)}.",
                code="ReservedTagName",
            )
        if name.lower() in seen:
            raise BadRequest(f"The tag name '{name}' is there twice: case makes no difference.", code="InvalidTag")
        seen.add(name.lower())
        if len(value) > _MAX_TAG_VALUE:
            raise BadRequest(
                f"The value of the tag '{name}' has {len(value)} characters, but {_MAX_TAG_VALUE} is the maximum.",
                code="InvalidTagValueLength",
            )


def location_of(body: Document) -> str:
    """The region that a request's body names, as Azure normalises it."""
    location = body.get("location")
    if not isinstance(location, str) or not location.strip():
        raise BadRequest("The location property is required for this definition.", code="LocationRequired")
    region = location.replace(" ", "").lower()
    if not re.fullmatch(r"[a-z0-9]{1,40}", region):
        raise BadRequest(
            f"The provided location '{location}' is not available for resource type.",
            code="LocationNotAvailableForResourceType",
        )
    return region


def parse_id(resource: str) -> dict[str, str]:
    """The named parts of an ARM id: {"subscriptions": …, "resourceGroups": …, "workspaces": …, "models": …}."""
    segments = [segment for segment in resource.strip("/").split("/") if segment]
    if len(segments) % 2:
        raise BadRequest(f"'{resource}' is not a resource id.", code="ValidationError")
    return dict(zip(segments[::2], segments[1::2], strict=True))
