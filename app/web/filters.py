"""Template filters that format values. They return text, never HTML."""

import json
from datetime import UTC, datetime
from typing import Any

from app.documents.json_object import Json
from app.evidence.words import name_of_report
from app.planning.ids import stage_of
from app.planning.sources import Source, read_source

__all__ = [
    "colour",
    "event_name",
    "is_digest",
    "name_of_report",
    "plan_value",
    "short",
    "source",
    "spaced",
    "stage_of",
    "timestamp",
]

_GOOD = {"succeeded", "approved", "passed"}
_BAD = {"failed", "errored", "approval_rejected", "rejected", "rolled_back", "expired"}
_MOVING = {"in_progress", "running", "queued", "rolling_back", "cancelling"}
_ASKING = {"pending_approval", "inconclusive", "no_data"}


def spaced(word: str) -> str:
    """``pending_approval`` → ``pending approval``."""
    return str(word).replace("_", " ")


def colour(status: str) -> str:
    """The CSS class of a status's colour. The status itself is shown beside it."""
    word = str(status)
    tones = ((_GOOD, "good"), (_BAD, "bad"), (_MOVING, "moving"), (_ASKING, "asking"))
    return next((name for words, name in tones if word in words), "quiet")


def timestamp(at: datetime | None) -> str:
    return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_digest(value: Any) -> bool:
    """Whether this is a digest: shown shortened, with the whole in its title."""
    return isinstance(value, str) and value.startswith("sha256:") and len(value) > 20


def short(value: str) -> str:
    return value[:19] + "…" if is_digest(value) else value


def source(value: Json) -> Source:
    """What a release's content comes from, with its label and name."""
    return read_source(value)


def plan_value(value: Any) -> str:
    """A value of a plan as text."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def event_name(kind: str) -> str:
    """``rollout.pending_approval`` → ``rollout pending approval``."""
    return str(kind).replace(".", " ").replace("_", " ")
