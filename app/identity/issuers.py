"""The keys of issuers, as they publish them: kept for a while, fetched again when a token names one that is new.

Issuers change their keys without saying so, and anybody can make up a key's name: keys are fetched again for an unknown name, but
not more often than every few seconds. An issuer that does not answer is no reason to call a token wrong, and for a day none to
refuse those whose keys are known already.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from jwt import PyJWK, PyJWKError
from jwt.exceptions import InvalidKeyError

from app.errors import Unauthenticated, Unavailable
from app.settings import is_loopback

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
FRESH_SECONDS = 600.0
STALE_SECONDS = 24 * 3600.0
LEAST_SECONDS = 5.0  # between two fetches
LARGEST_DOCUMENT = 256 * 1024  # bytes
MOST_KEYS = 50

Json = dict[str, Any]


@dataclass
class _Known:
    """What is known of one issuer; ``lock`` lets one fetch while the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    metadata: Json = field(default_factory=dict)
    keys: dict[str, PyJWK] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")


class Issuers:
    """Over HTTP, with timeouts; a thread at a time for each issuer."""

    def __init__(self, *, seconds: float) -> None:
        # Neither redirects nor a proxy's word: keys come from where the issuer says, or not at all.
        self._http = httpx.Client(timeout=seconds, follow_redirects=False)
        self._known: dict[str, _Known] = {}
        self._guard = threading.Lock()

    def key(self, issuer: str, key_id: str) -> PyJWK:
        """The issuer's key of this name. Raises Unauthenticated when it has none, Unavailable when it does not answer."""
        known = self._of(issuer)
        with known.lock:
            age = time.monotonic() - known.fetched_at
            if key_id in known.keys and age < FRESH_SECONDS:
                return known.keys[key_id]
            try:
                self._fetch(issuer, known)
            except Unavailable:
                if key_id in known.keys and age < STALE_SECONDS:
                    return known.keys[key_id]
                raise
            if key_id not in known.keys:
                raise Unauthenticated(
                    "The token is signed with a key that its issuer does not have.", code="key_unknown"
                )
            return known.keys[key_id]

    def metadata(self, issuer: str) -> Json:
        """The issuer's discovery document. Raises Unavailable."""
        known = self._of(issuer)
        with known.lock:
            if not known.metadata or time.monotonic() - known.fetched_at >= FRESH_SECONDS:
                self._fetch(issuer, known)
            return known.metadata

    def exchange(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        """Give the issuer a code for tokens. Raises Unavailable."""
        try:
            return self._http.post(endpoint, data=form, headers={"Accept": "application/json"})
        except httpx.TransportError as broken:
            raise _silent(endpoint, broken) from broken

    def close(self) -> None:
        self._http.close()

    def _of(self, issuer: str) -> _Known:
        with self._guard:
            return self._known.setdefault(issuer, _Known())

    def _fetch(self, issuer: str, known: _Known) -> None:
        now = time.monotonic()
        if now - known.tried_at < LEAST_SECONDS:
            if known.tried_at > known.fetched_at:
                raise _silent(issuer, "it did not a moment ago")
            return
        known.tried_at = now
        metadata = self._document(issuer.rstrip("/") + "/.well-known/openid-configuration", issuer)
        if metadata.get("issuer") != issuer:
            raise _silent(issuer, "what it publishes is another issuer's")
        document = self._document(str(metadata.get("jwks_uri", "")), issuer)
        known.keys = _keys(document)
        known.metadata = metadata
        known.fetched_at = known.tried_at = time.monotonic()

    def _document(self, address: str, issuer: str) -> Json:
        place = urlsplit(address)
        if place.scheme != "https" and not (place.scheme == "http" and is_loopback(place.hostname or "")):
            raise _silent(issuer, "it does not publish its keys over https")
        body = bytearray()
        try:
            with self._http.stream("GET", address) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise _silent(issuer, f"it answers {answer.status_code}")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > LARGEST_DOCUMENT:
                        raise _silent(issuer, "its answer is too long")
            document = httpx.Response(200, content=bytes(body)).json()
        except httpx.HTTPError as broken:
            raise _silent(issuer, broken) from broken
        except ValueError as broken:
            raise _silent(issuer, "its answer is not JSON") from broken
        if not isinstance(document, dict):
            raise _silent(issuer, "its answer is not an object")
        return document


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
        f"The issuer {issuer} does not give its keys ({why or 'no answer'}), so its tokens cannot be checked now.",
        code="issuer_unreachable",
        hint="Try again in a moment.",
    )
