"""The one way in: every request is logged, may be struck by a fault, and must be allowed before a route sees it."""

import json
import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator import bodies, identity, rights
from emulator.arm import REGISTRY_FRONT_END
from emulator.errors import AzureError, BadRequest, Unauthorized
from emulator.state import Emulator

log = logging.getLogger(__name__)

_SECRET = re.compile(r"(sig|token|key)=[^&]+", re.I)
_OWN_CONTROL = "/emulator/"
_HEALTH = "/emulator/v1/health"
_ARM = ("/subscriptions", REGISTRY_FRONT_END)
_SCORING = "/inference/"  # what goes there is the score script's business
# Below these every request carries a token; elsewhere a route checks what it needs itself (storage, scoring, Key Vault).
_WITH_TOKEN = (
    "/subscriptions",
    REGISTRY_FRONT_END,
    "/history/",
    "/data/",
    "/registrymanagement/",
    "/assetstore/",
    "/mlflow/",
    "/metric/",
    "/modelregistry/",
)


@dataclass
class Gate:
    """ASGI middleware around the whole application."""

    app: ASGIApp
    emulator: Emulator
    words: dict[str, str]  # ARM's literal path words, by their lower case: ARM compares them without case
    _log: Any = field(init=False)

    def __post_init__(self) -> None:
        self._log = (self.emulator.data / "requests.jsonl").open("a", buffering=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                self._log.close()
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, noting, cut=send)
        finally:
            self._note(scope, status, seconds=time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, *, cut: Send) -> None:
        scope["path"] = normal_path(scope["path"], self.words)
        method, path = scope["method"], scope["path"]
        query = scope["query_string"].decode("latin-1")
        own = path.startswith(_OWN_CONTROL)
        fault = None if own else self.emulator.faults.next_request(method, f"{path}?{query}" if query else path)
        if fault:
            await self.emulator.faults.hold(fault)
            if fault.cut == "before":
                _close(cut)
                return
            if fault.status is not None:
                headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                body = {"error": {"code": fault.code, "message": fault.message}}
                headers["x-ms-error-code"] = fault.code
                await JSONResponse(body, status_code=fault.status, headers=headers)(scope, receive, send)
                return
            if fault.cut == "after":
                await self._admit(scope, receive, _swallow)
                _close(cut)
                return
        await self._admit(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            check_path(scope["path"])
            if scope["path"].startswith(_OWN_CONTROL) and scope["path"] != _HEALTH:
                self._check_control(scope)
            if scope["path"].startswith(_WITH_TOKEN):
                self._authenticate(scope)
            if bodies.is_json(scope) and not scope["path"].startswith(_SCORING):
                receive = await bodies.checked(receive, arm=scope["path"].startswith(_ARM))
        except AzureError as refusal:
            headers = {}
            if refusal.status == 401:
                authority = f"{self.emulator.base_url}{identity.AUTHORITY}/{identity.TENANT}"
                headers["WWW-Authenticate"] = f'Bearer authorization_uri="{authority}", error="invalid_token"'
            answer = JSONResponse(refusal.envelope(), status_code=refusal.status, headers=headers)
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_control(self, scope: Scope) -> None:
        if not secrets.compare_digest(_authorization(scope) or "", f"Bearer {self.emulator.control_secret}"):
            raise Unauthorized(
                "The control API needs 'Authorization: Bearer' and the content of the file control.secret in the data folder.",
                code="ControlSecretRequired",
            )

    def _authenticate(self, scope: Scope) -> None:
        header = _authorization(scope)
        principal = identity.authenticate(self.emulator, header)
        needed = rights.required(scope["method"], scope["path"])
        if needed:
            action, resource = needed
            identity.authorize(principal, action, scope=resource)
        scope.setdefault("state", {})["principal"] = principal

    def _note(self, scope: Scope, status: int, *, seconds: float) -> None:
        query = _SECRET.sub(r"\1=…", scope["query_string"].decode("latin-1"))
        principal = scope.get("state", {}).get("principal")
        line = {
            "time": time.time(),
            "method": scope["method"],
            "path": scope["path"],
            "query": query,
            "status": status,  # 0: the connection was cut
            "ms": round(seconds * 1000, 1),
            "by": principal.name if principal else None,
        }
        try:
            self._log.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError:  # the answer is out already: what remains is to say so
            log.exception("the request log cannot be written")


def _authorization(scope: Scope) -> str | None:
    found = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    return None if found is None else found.decode("latin-1").encode("ascii", "replace").decode()


def check_path(path: str) -> None:
    """Raise BadRequest for a path that no resource of Azure can have."""
    if any(not character.isprintable() or character == "\ufffd" for character in path):
        raise BadRequest("The request URI contains an invalid character.", code="InvalidRequestUri")


def normal_path(path: str, words: dict[str, str]) -> str:
    """The path with ARM's own words in the case that routes are written in; names are left as they are."""
    segments = path.split("/")
    start = next((at for at, segment in enumerate(segments[:5]) if segment.lower() == "subscriptions"), None)
    if start is None:
        return path
    for at in range(start, len(segments)):
        # Types and names alternate; the provider's name, after "providers", is a word too.
        word = (at - start) % 2 == 0 or (at > start and segments[at - 1].lower() == "providers")
        if word:
            segments[at] = words.get(segments[at].lower(), segments[at])
    return "/".join(segments)


def words_of(paths: list[str]) -> dict[str, str]:
    """The literal words in route paths, by their lower case."""
    literals = {segment for path in paths for segment in path.split("/") if segment and "{" not in segment}
    return {literal.lower(): literal for literal in sorted(literals)}


async def _swallow(message: Message) -> None:
    """Where an answer goes whose connection is about to be cut."""


def _close(send: Send) -> None:
    # Uvicorn gives each request a bound method of the object that holds its connection.
    send.__self__.transport.abort()  # type: ignore[attr-defined] # uvicorn's own; there is no public way to drop a connection
