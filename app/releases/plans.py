"""Plan documents: their digest, and the differences of two. Pure."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.database.storable import storable_json
from app.documents.json_object import Json
from app.planning.plan import Plan

# What differs between any two releases, and says nothing of what is served.
_OWN = frozenset(
    {
        "release",
        "purpose",
        "stage",
        "replaces",
        "approval",
        "policy",
        "guardrails",
        "steps",
        "deployment.name",
        "traffic",
        "definition.digest",
    }
)


@dataclass(frozen=True)
class Change:
    """One field of a plan, before and after; None where there is none."""

    field: str
    before: Any
    after: Any

    @property
    def is_one(self) -> bool:
        """Whether both are different: ``compare`` lists what stays, too."""
        return bool(self.before != self.after)


def document_of(plan: Plan) -> Json:
    """A plan as it is stored, shown and approved."""
    document: Json = storable_json(plan.model_dump(mode="json"))
    return document


def digest_of(plan: Json) -> str:
    """Over everything in it, however its keys are ordered."""
    canonical = json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def changes(before: Json, after: Json) -> list[Change]:
    """Every field in which two plans differ; their steps are one field."""
    return [each for each in _side_by_side(before, after) if each.is_one]


def compare(serves: Json, wanted: Json) -> list[Change]:
    """What callers of an endpoint get now, and what then: model, environment, code, machines, metrics. Also what stays."""
    return [each for each in _side_by_side(serves, wanted) if not _is_own(each.field)]


def difference(serves: Json, wanted: Json) -> list[Change]:
    """What callers of an endpoint get instead of what they get now."""
    return [each for each in compare(serves, wanted) if each.is_one]


def _side_by_side(before: Json, after: Json) -> list[Change]:
    old, new = dict(_fields(before)), dict(_fields(after))
    return [Change(field, old.get(field), new.get(field)) for field in sorted({*old, *new})]


def _is_own(field: str) -> bool:
    return field in _OWN or field.split(".")[0] in _OWN


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and (value or not path) and path != "steps":
        for key, inner in value.items():
            yield from _fields(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
