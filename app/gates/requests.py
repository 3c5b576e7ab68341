"""Requests to the CI systems that the settings name: limited time and size, no redirects."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from app.documents.json_object import Json
from app.notifications.sending import NotDelivered

SECONDS = 15.0
MOST_BYTES = 256 * 1024  # of an answer
FOR_GOOD = frozenset({400, 404, 410, 422})  # another try cannot help: it was decided, or cancelled, or is no more


def send(url: str, body: Json, *, headers: Mapping[str, str], for_good: frozenset[int] = FOR_GOOD) -> tuple[int, bytes]:
    """Status and content of a successful answer. Raises NotDelivered."""
    sent = {"Content-Type": "application/json", "User-Agent": "mlrelease", **headers}
    content = b""
    try:
        with (
            httpx.Client(timeout=SECONDS, follow_redirects=False) as client,
            client.stream("POST", url, content=json.dumps(body).encode(), headers=sent) as answer,
        ):
            for part in answer.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise NotDelivered("The answer is too long.", code="answer_too_long", answer=answer.status_code)
    except httpx.TransportError as broken:
        raise NotDelivered(
            f"The connection failed: {broken or type(broken).__name__}.", code="connection_failed"
        ) from broken
    if answer.is_success:
        return answer.status_code, content
    asked = answer.headers.get("Retry-After", "")
    raise NotDelivered(
        f"The answer was {answer.status_code}.",
        code="answer_refused",
        answer=answer.status_code,
        wait=timedelta(seconds=int(asked[:6])) if asked.isascii() and asked.isdecimal() else None,
        for_good=answer.status_code in for_good,
    )


def object_in(body: bytes) -> Json:
    """The JSON object; empty where it is none."""
    try:
        read: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def at(document: Json, *path: str) -> Any:
    """What is there; None where nothing is."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
