"""What is particular to a kind of asset: which content it has, what may change, what is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from emulator import arm
from emulator.assets.versions import Shelf
from emulator.errors import AzureError, BadRequest, Conflict
from emulator.store import Document


@dataclass(frozen=True)
class Draft:
    """A version that somebody wants to create."""

    name: str
    version: str
    sent: Document  # its properties


# Gives the properties as kept, and the emulator's own facts.
Accept = Callable[[Shelf, Draft], Awaitable[tuple[Document, Document]]]

# What may be changed of a version that exists; everything else is its identity.
_MUTABLE = frozenset({"description", "tags", "properties", "isArchived", "stage", "autoDeleteSetting"})


@dataclass(frozen=True)
class Kind:
    """One kind of asset."""

    plural: str
    identity: tuple[str, ...]  # the properties that can never change once written
    accept: Accept
    refuse_change: Callable[[str], AzureError]

    ALL: ClassVar[dict[str, "Kind"]] = {}

    def __post_init__(self) -> None:
        Kind.ALL[self.plural] = self


def paths_are_fixed(what: str) -> AzureError:  # noqa: ARG001 - Azure's sentence names nothing
    # The SDK compares this sentence to explain what to do.
    return BadRequest("Asset paths cannot be updated.", code="UserError")


def is_fixed(what: str) -> AzureError:
    return Conflict(
        f"{what} already exists and is immutable. Only its description, tags, properties and whether it is archived can be "
        "changed: use a new version.",
        code="Conflict",
    )


_TEXTS = (
    "description",
    "modelUri",
    "modelType",
    "codeUri",
    "dataUri",
    "dataType",
    "image",
    "condaFile",
    "osType",
    "stage",
)
_MAPS = ("tags", "properties", "build", "inferenceConfig")


def sent_properties(body: Document) -> Document:
    """The properties of a request's body. Raises BadRequest when they are not shaped as Azure's are."""
    sent = arm.properties_of(body)
    for fields, kind, name in ((_TEXTS, str, "a string"), (_MAPS, dict, "an object")):
        for field in fields:
            if sent.get(field) is not None and not isinstance(sent[field], kind):
                raise BadRequest(f"properties.{field} must be {name}.", code="ValidationError")
    for field in ("tags", "properties"):
        if any(not isinstance(value, str | int | None) for value in (sent.get(field) or {}).values()):
            raise BadRequest(f"The values of properties.{field} must be strings.", code="ValidationError")
    return sent


def common(sent: Document) -> Document:
    """The properties that every version has."""
    return {
        "description": sent.get("description"),
        "tags": sent.get("tags") or {},
        "properties": sent.get("properties") or {},
        "isArchived": bool(sent.get("isArchived")),
        "isAnonymous": bool(sent.get("isAnonymous")),
        "provisioningState": "Succeeded",
    }


async def put_version(
    kind: Kind, shelf: Shelf, name: str, version: str, sent: Document, *, by: str
) -> tuple[Document, bool]:
    """Create a version, or change what may change of one; the document, and whether it is new."""
    before = shelf.version(name, version)
    if before is None:
        properties, facts = await kind.accept(shelf, Draft(name, version, sent))
        with shelf.azure.store.transaction():
            # Copying content took a while: whoever came first stays.
            before = shelf.version(name, version)
            if before is None:
                return shelf.write(name, version, properties=properties, by=by, facts=facts), True
    for field in kind.identity:
        given = sent.get(field)
        kept = (before["properties"].get(field), before["_"].get(f"sent:{field}"))
        if given is not None and given not in kept:
            raise kind.refuse_change(f"{name}:{version}")
    changes = {field: sent[field] for field in _MUTABLE if sent.get(field) is not None}
    properties = {**before["properties"], **changes}
    return shelf.write(name, version, properties=properties, by=by, facts=before["_"]), False
