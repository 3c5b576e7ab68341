"""The keys of issuers, as they publish them: kept, renewed now and then, and fetched when a token names one that is new.

Anybody can make up a key's name, and an issuer may stall. So one fetch at a time runs for each issuer, as a task that holds no
request's thread and has a deadline in total; who needs what it brings waits for a moment only; what it did not bring is not asked
for again for some seconds. A key that is known never waits for anything, for a day not even for an issuer that is away.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import httpx
from jwt import PyJWK, PyJWKError
from jwt.exceptions import InvalidKeyError

from app.documents.json_object import Json
from app.errors import Unauthenticated, Unavailable
from app.settings import is_loopback

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
RENEW_SECONDS = 300.0  # a key that its issuer took back is believed for no longer
STALE_SECONDS = 24 * 3600.0  # that keys are believed while their issuer is away
LEAST_SECONDS = 5.0  # between two fetches
WAIT_SECONDS = 2.0  # that a request waits for a fetch; the fetch itself may take longer
LARGEST_DOCUMENT = 256 * 1024  # bytes
MOST_KEYS = 50


class _Unusable(ValueError):
    """An answer of an issuer that cannot be used; the message says why."""


@dataclass
class _Known:
    """The cached documents of one issuer."""

    metadata: Json = field(default_factory=dict)
    keys: dict[str, PyJWK] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    failure: str | None = None  # of the last fetch
    fetch: asyncio.Task[None] | None = None  # that runs now


class Issuers:
    """Over HTTP. ``seconds``: for both documents of an issuer together, or for one answer of its token endpoint."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[str, _Known] = {}

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made once an issuer is asked: reading the certificate authorities takes longer than all else at the start of a process."""
        # Neither redirects nor a proxy's word: keys come from where the issuer says, or not at all. Nothing packed either: a short
        # answer could unpack into a long one.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        return httpx.AsyncClient(timeout=self._seconds, follow_redirects=False, headers=headers)

    async def key(self, issuer: str, key_id: str) -> PyJWK:
        """The issuer's key with this id. Raises Unauthenticated when there is none, Unavailable when the issuer does not respond."""
        known = self._of(issuer)
        if key_id not in known.keys or time.monotonic() - known.fetched_at >= STALE_SECONDS:
            await self._renew(issuer, known)
        if key_id not in known.keys:
            raise Unauthenticated(
                "The token is signed with a key that its issuer does not publish.", code="key_unknown"
            )
        return known.keys[key_id]

    async def endpoint(self, issuer: str, name: str) -> str:
        """An address out of the issuer's discovery document. Raises Unavailable."""
        known = self._of(issuer)
        if not known.metadata:
            await self._renew(issuer, known)
        address = known.metadata.get(name)
        if not isinstance(address, str) or not _is_safe(address):
            raise _silent(issuer, f"it publishes no {name} over https")
        return address

    async def exchange(self, endpoint: str, form: dict[str, str]) -> tuple[int, bytes]:
        """Give the issuer a code for tokens: its status and answer. Raises Unavailable."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask("POST", endpoint, form)
        except TimeoutError as late:
            raise _silent(endpoint, self._late()) from late
        except (httpx.HTTPError, ValueError) as broken:
            raise _silent(endpoint, broken) from broken

    async def keep_fresh(self) -> None:
        """Run for as long as the process serves: keys that were taken back are forgotten without anybody waiting for it."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            for issuer, known in self._known.items():
                self._begin(issuer, known)

    async def close(self) -> None:
        for known in self._known.values():
            if known.fetch is not None:
                known.fetch.cancel()
        if "_http" in vars(self):
            await self._http.aclose()

    def _of(self, issuer: str) -> _Known:
        return self._known.setdefault(issuer, _Known())

    async def _renew(self, issuer: str, known: _Known) -> None:
        """Raises Unavailable when the issuer's documents could not be had, or not in the moment that a request waits."""
        fetch = self._begin(issuer, known)
        if fetch is not None:
            done, _ = await asyncio.wait({fetch}, timeout=WAIT_SECONDS)
            if not done:
                raise _silent(issuer, "it has not responded yet")
            fetch.result()  # what nobody foresaw is for the log
        if known.failure is not None:
            raise _silent(issuer, known.failure)

    def _begin(self, issuer: str, known: _Known) -> asyncio.Task[None] | None:
        """The fetch that runs; a new one, unless the last was a moment ago."""
        if known.fetch is None and time.monotonic() - known.tried_at >= LEAST_SECONDS:
            known.tried_at = time.monotonic()
            known.fetch = asyncio.create_task(self._fetch(issuer, known))
        return known.fetch

    async def _fetch(self, issuer: str, known: _Known) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                metadata = await self._document(issuer.rstrip("/") + "/.well-known/openid-configuration")
                if metadata.get("issuer") != issuer:
                    raise _Unusable("its discovery document names another issuer")
                keys = _keys(await self._document(str(metadata.get("jwks_uri", ""))))
        except TimeoutError:
            known.failure = self._late()
        except (httpx.HTTPError, ValueError, RecursionError) as broken:
            known.failure = str(broken) or type(broken).__name__
        else:
            known.metadata, known.keys, known.failure = metadata, keys, None
            known.fetched_at = time.monotonic()
        finally:
            known.tried_at, known.fetch = time.monotonic(), None

    async def _document(self, address: str) -> Json:
        """Raises _Unusable for whatever is no document, or httpx.HTTPError."""
        status, body = await self._ask("GET", address)
        if status != httpx.codes.OK:
            raise _Unusable(f"it responded with {status}")
        document = json.loads(body)
        if not isinstance(document, dict):
            raise _Unusable("its response is not a JSON object")
        return document

    async def _ask(self, method: str, address: str, form: dict[str, str] | None = None) -> tuple[int, bytes]:
        if not _is_safe(address):
            raise _Unusable("it does not publish its keys over https")
        body = bytearray()
        try:
            async with self._http.stream(method, address, data=form) as answer:
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > LARGEST_DOCUMENT:
                        raise _Unusable("its response is too long")
        except httpx.InvalidURL as broken:
            raise _Unusable(str(broken)) from broken
        return answer.status_code, bytes(body)

    def _late(self) -> str:
        return f"no response within {self._seconds:g} s"


def _is_safe(address: str) -> bool:
    """Whether nobody on the way can read or change what is sent there."""
    try:
        place = urlsplit(address)
    except ValueError:
        return False
    return place.scheme == "https" or (place.scheme == "http" and is_loopback(place.hostname or ""))


def _keys(document: Json) -> dict[str, PyJWK]:
    """The keys that verify signatures, by name; those of kinds that are not ours are left out."""
    keys: dict[str, PyJWK] = {}
    listed = document.get("keys")
    for each in listed[:MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str) or each.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK(each)
        except (PyJWKError, InvalidKeyError):
            continue  # an issuer may publish keys for others, of kinds that we do not know
        if key.algorithm_name in ALGORITHMS:
            keys[each["kid"]] = key
    return keys


def _silent(issuer: str, why: object) -> Unavailable:
    return Unavailable(
        f"The keys of issuer {issuer} are not available ({why or 'no response'}), so its tokens cannot be verified now.",
        code="issuer_unreachable",
        hint="Try again in a moment.",
    )
