"""JSON bodies as they come in: what no service of Azure would take is refused before a route sees it."""

import json
import math
from typing import Any, NoReturn

from starlette.types import Message, Receive, Scope

from emulator import shapes
from emulator.errors import BadRequest, TooLarge

MAX_BYTES = 4 * 1024 * 1024  # Azure Resource Manager's own limit
MAX_DEPTH = 64


def is_json(scope: Scope) -> bool:
    """Whether the request says that its body is JSON."""
    sent = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return sent.split(b";")[0].strip().lower() in (b"application/json", b"text/json")


async def checked(receive: Receive, *, arm: bool) -> Receive:
    """Read the body, check it, and hand out a channel that gives it again.

    Raises TooLarge, or BadRequest for what is not JSON: broken, not UTF-8, half a surrogate pair, NaN and infinite numbers,
    objects nested too deep to be handled; in a request to ARM also members of a wrong type.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return _once(message, receive)
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise TooLarge(f"The size of the request's body is over the limit of {MAX_BYTES} bytes.")
        if not message.get("more_body"):
            break
    if body:
        read = _read(bytes(body))
        if arm:
            shapes.check(read)
    return _once({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


def _read(body: bytes) -> Any:
    try:
        text = body.decode()
        read = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        _check_depth(read)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(read, ensure_ascii=False).encode()
        return read
    except (ValueError, RecursionError) as wrong:  # UnicodeError is a ValueError
        raise BadRequest(f"The request content was invalid and could not be deserialized: '{wrong}'.", code="InvalidRequestContent") from None  # fmt: skip


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            each
            for parent in level
            if isinstance(parent, dict | list)
            for each in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def _once(message: Message, receive: Receive) -> Receive:
    """A channel that gives this message first, then what else comes."""
    waiting = [message]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message
