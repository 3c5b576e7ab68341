"""Containers and versions of assets, the same for every kind and for workspaces and registries.

A version document: ``{"name", "version", "properties", "tags", "systemData", "_"}``; ``_`` holds the emulator's own facts:
where the content lies, its digest, the URI that was sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from emulator import arm
from emulator.errors import BadRequest, NotFound
from emulator.state import Emulator
from emulator.store import Document

_VERSION = r"[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}"
_PAGE = 100


@dataclass(frozen=True)
class Shelf:
    """All assets of one kind in one workspace or registry."""

    azure: Emulator
    owner_kind: str  # "workspaces" or "registries"
    owner: Document
    kind: str

    @property
    def path(self) -> tuple[str, str, str]:
        return (self.owner_kind, str(self.owner["name"]), self.kind)

    def container(self, name: str) -> Document | None:
        return self.azure.store.get(*self.path, name)

    def require_container(self, name: str) -> Document:
        document = self.container(name)
        if document is None:
            raise NotFound(f"Could not find asset with ID: {self.asset_id(name)}", code="UserError")
        return document

    def version(self, name: str, version: str) -> Document | None:
        return self.azure.store.get(*self.path, name, "versions", version)

    def require_version(self, name: str, version: str) -> Document:
        document = self.version(name, version)
        if document is None:
            raise NotFound(f"Could not find asset with ID: {self.asset_id(name, version)}", code="UserError")
        return document

    def versions(self, name: str) -> list[Document]:
        return self.azure.store.children(*self.path, name, "versions")

    def asset_id(self, name: str, version: str | None = None) -> str:
        """As Azure names an asset in its messages."""
        root = "azureml://registries/" if self.owner_kind == "registries" else "azureml://workspaces/"
        which = f"/versions/{version}" if version else ""
        return f"{root}{self.owner['name']}/{self.kind}/{name}{which}"

    def resource(self, name: str, version: str | None = None) -> str:
        """The id in answers."""
        if self.owner_kind == "registries":
            return self.asset_id(name, version)
        return arm.resource_id(self.owner, self.kind, name, *(("versions", version) if version else ()))

    def write(self, name: str, version: str, *, properties: Document, by: str, facts: Document) -> Document:
        """Write a version, and its container when it is the first; the document."""
        store = self.azure.store
        with store.transaction():
            before = self.version(name, version)
            if self.container(name) is None:
                self.write_container(name, properties={}, by=by)
            document = {
                "name": name,
                "version": version,
                "properties": properties,
                "tags": properties.get("tags") or {},
                "systemData": arm.created(by, before=before["systemData"] if before else None),
                "_": facts,
            }
            store.put(*self.path, name, "versions", version, body=document)
        return document

    def write_container(self, name: str, *, properties: Document, by: str) -> Document:
        before = self.container(name)
        document = {
            "name": name,
            "properties": properties,
            "systemData": arm.created(by, before=before["systemData"] if before else None),
        }
        self.azure.store.put(*self.path, name, body=document)
        return document


def check_identity(name: str, version: str) -> None:
    """Raise BadRequest for a name or version that Azure refuses."""
    arm.check_name(name, what="asset")
    arm.check_name(version, what="asset version", pattern=_VERSION)


def next_version(versions: list[Document]) -> str:
    """One more than the highest whole number among the versions."""
    numbers = [int(each["version"]) for each in versions if each["version"].isdigit()]
    return str(max(numbers, default=0) + 1)


def describe(shelf: Shelf, document: Document) -> Document:
    """A version as Azure answers it."""
    in_registry = shelf.owner_kind == "registries"
    return {
        "id": shelf.resource(document["name"], document["version"]),
        "name": document["name"] if in_registry else document["version"],
        "type": shelf.kind if in_registry else f"Microsoft.MachineLearningServices/workspaces/{shelf.kind}/versions",
        "properties": document["properties"],
        "systemData": document["systemData"],
    }


def describe_container(shelf: Shelf, document: Document) -> Document:
    """A container as Azure answers it, with the latest version and the next free one."""
    versions = shelf.versions(document["name"])
    active = [each for each in versions if not each["properties"].get("isArchived")]
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        **document["properties"],
        "latestVersion": active[-1]["version"] if active else None,
        "nextVersion": next_version(versions),
        "provisioningState": "Succeeded",
    }
    if shelf.kind == "data" and versions:
        properties["dataType"] = versions[-1]["properties"].get("dataType")
    return {
        "id": shelf.resource(document["name"]),
        "name": document["name"],
        "type": f"Microsoft.MachineLearningServices/{shelf.owner_kind}/{shelf.kind}",
        "properties": properties,
        "systemData": document["systemData"],
    }


def page(
    documents: list[Document], query: Mapping[str, str], *, url: str, archived: bool = False
) -> tuple[list[Document], str | None]:
    """What a list request asks for, and the address of the rest.

    ``documents`` are oldest first; ``archived`` says that the container of all of them is.
    """
    # The SDK sends a registry the name of its own enumeration: ListViewType.ACTIVE_ONLY.
    view = query.get("listViewType", "ActiveOnly").rpartition(".")[2].replace("_", "").lower()
    if view not in ("activeonly", "archivedonly", "all"):
        raise BadRequest(f"listViewType '{query['listViewType']}' is unknown.", code="ValidationError")
    chosen = [each for each in documents if not each["properties"].get("isAnonymous")]
    if view != "all":
        wanted = view == "archivedonly"
        chosen = [each for each in chosen if (archived or bool(each["properties"].get("isArchived"))) == wanted]
    if query.get("version"):
        chosen = [each for each in chosen if each.get("version") == query["version"]]
    if query.get("stage"):
        chosen = [each for each in chosen if each["properties"].get("stage") == query["stage"]]
    for field, parameter in (("tags", "tags"), ("tags", "$tags"), ("properties", "properties")):
        for pair in filter(None, query.get(parameter, "").split(",")):
            key, separator, value = pair.partition("=")
            chosen = [
                each
                for each in chosen
                if key in (each["properties"].get(field) or {})
                and (not separator or each["properties"][field][key] == value)
            ]
    chosen = _ordered(chosen, query.get("$orderBy", ""))
    if query.get("$top"):
        return chosen[: _whole(query, "$top")], None
    skip = _whole(query, "$skip") if query.get("$skip") else 0
    size = _whole(query, "count") if query.get("count") else _PAGE
    rest = chosen[skip + size :]
    if not rest:
        return chosen[skip : skip + size], None
    more = {**query, "$skip": str(skip + size)}
    joined = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in more.items())
    return chosen[skip : skip + size], f"{url}?{joined}"


def _ordered(documents: list[Document], order: str) -> list[Document]:
    """Newest first unless something else is asked for, as Azure lists."""
    field, _, direction = (order or "createdtime desc").strip().partition(" ")
    descending = direction.strip().lower() == "desc"
    match re.sub(r"[_\s]", "", field.lower()):
        case "createdtime" | "createdat":
            ordered = list(documents)
        case "modifiedtime" | "updatetime" | "updatedat":
            ordered = sorted(documents, key=lambda each: each["systemData"]["lastModifiedAt"])
        case "version":
            ordered = sorted(
                documents, key=lambda each: (each["version"].isdigit(), _number(each["version"]), each["version"])
            )
        case "name":
            ordered = sorted(documents, key=lambda each: each["name"])
        case _:
            raise BadRequest(f"$orderBy '{order}' is unknown.", code="ValidationError")
    return ordered[::-1] if descending else ordered


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _whole(query: Mapping[str, str], name: str) -> int:
    if not query[name].isdigit():
        raise BadRequest(f"{name} must be a whole number.", code="ValidationError")
    return int(query[name])
