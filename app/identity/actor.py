"""Who does something, and how they came in."""

from dataclasses import dataclass
from typing import Literal

Via = Literal["api", "cli", "portal", "chat", "worker"]


@dataclass(frozen=True)
class Actor:
    """The person or program behind a change."""

    name: str
    via: Via
    request_id: str | None = None


SERVICE = Actor(name="mlrelease", via="worker")
