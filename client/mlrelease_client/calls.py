"""Requests as data: what is sent, and as what its answer is read. Nothing here knows a connection."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from mlrelease_client.errors import NotMlrelease, problem_error

T = TypeVar("T")

MOST_QUOTED = 200  # characters of an answer that is not understood


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. ``answer``: the type that its answer is read as. Fields that are None are not sent."""

    method: str
    path: str
    answer: Any  # type[T], or a form of it that has no class
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # that the service may take beyond the usual, as a long poll does

    def request(self) -> dict[str, Any]:
        """As httpx takes it. The same for each try."""
        sent: dict[str, Any] = {"method": self.method, "url": self.path, "headers": dict(self.headers)}
        query = _sendable({**self.query})
        if query:
            sent["params"] = query
        if self.content is not None:
            sent["content"] = self.content
        elif self.body is not None:
            sent["content"] = json.dumps(_sendable({**self.body})).encode()
            sent["headers"]["Content-Type"] = "application/json"
        return sent


def path_of(template: str, **parts: object) -> str:
    """The path with its parts; each is one segment, whatever is in it."""
    return template.format(**{name: quote(str(part), safe="") for name, part in parts.items()})


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """The header under which a request counts once: this key, or a new one."""
    return {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}


def read_answer(call: Call[T], answer: httpx.Response) -> T:
    """Raises ProblemError and NotMlrelease."""
    require_success(answer)
    if call.answer is None:
        return None  # type: ignore[return-value] # T is None where there is nothing to read
    try:
        read: T = TypeAdapter(call.answer).validate_json(answer.content)
    except ValidationError as unread:
        raise NotMlrelease(
            f"{answer.request.method} {answer.url} answered {answer.status_code} with something else than this client "
            f"(of another version?) expects: {str(unread)[:MOST_QUOTED]}"
        ) from unread
    return read


def require_success(answer: httpx.Response) -> None:
    """Raises ProblemError and NotMlrelease. The body must have been read."""
    if answer.is_success:
        return
    if answer.headers.get("Content-Type", "").partition(";")[0].strip() == "application/problem+json":
        try:
            document = answer.json()
        except ValueError:
            document = None
        if isinstance(document, dict) and "detail" in document:
            raise problem_error({**document, "status": answer.status_code})
    raise NotMlrelease(
        f"{answer.url.host} answered {answer.status_code} {answer.reason_phrase}, which is not a response of mlrelease. "
        f"Check the service's address. It begins: {answer.text[:MOST_QUOTED]!r}"
    )


def _sendable(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json", exclude_none=True, by_alias=True)
        case Enum():
            return value.value
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{value} has no time zone: it may be any of 24 moments.")
            return value.isoformat()
        case Mapping():
            return {key: _sendable(each) for key, each in value.items() if each is not None}
        case list() | tuple():
            return [_sendable(each) for each in value]
        case _:
            return value
