"""The client of the service's HTTP API."""

import getpass
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.cli.development_login import DevelopmentLogin, data_folder
from app.cli.refusals import Refused, Unreachable
from app.cli.token_file import token_given
from app.errors import Misconfigured

TRIES = 4  # of a request that broke on its way or met a service that is just starting
PATIENCE_SECONDS = 60.0  # for a service that went away while a release is followed
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
WAIT_SECONDS = 25  # of one long poll: shorter than what proxies allow


def no_check() -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Seen:
    """A release with its ETag, which asks for something newer."""

    release: dict[str, Any]
    etag: str


class Client:
    """A client of one server for one actor: the holder of the token in the environment, or the development login's name.

    ``actor``: the name for the development login of the service whose files are in ``data``. Raises Unreachable and Refused.
    """

    def __init__(self, server: str, *, actor: str | None = None, data: Path | None = None) -> None:
        self.server = server.rstrip("/")
        place = urlsplit(self.server)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise Misconfigured(
                f"{server!r} is not a valid service address.",
                hint="Write it as http://HOST:PORT (--server, MLRELEASE_SERVER).",
            )
        is_local = place.hostname in LOOPBACK
        self._http = httpx.Client(
            auth=credentials(place.scheme, place.hostname, actor=actor, data=data),
            timeout=httpx.Timeout(30, read=WAIT_SECONDS + 30, connect=10),
            trust_env=not is_local,  # a proxy is for the world outside
            verify=place.scheme == "https"
            or not is_local,  # to read all certificates of the system takes longer than most requests
        )

    def get(self, path: str, *, patience: float = 0.0, **query: Any) -> Any:
        return self._ask("GET", path, patience=patience, params=_given(query)).json()

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> Any:
        """Send a POST, repeated on a broken connection with one idempotency key: ``key`` or a new one."""
        return self._ask("POST", path, json=_given(body), headers={"Idempotency-Key": key or uuid.uuid4().hex}).json()

    def delete(self, path: str) -> None:

        self._ask("DELETE", path)

    def lines(self, path: str, *, accept: str = "*/*", **query: Any) -> Iterator[str]:
        """A long response, line by line."""
        headers = {"Accept": accept}
        try:
            with self._http.stream("GET", self.server + path, params=_given(query), headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                yield from _accepted(answer).iter_lines()
        except httpx.TransportError as broken:
            raise _unreachable(self.server, broken) from broken

    def upload(self, archive: bytes) -> str:
        """Upload a packed folder; its digest."""
        headers = {"Content-Type": "application/gzip", "Idempotency-Key": uuid.uuid4().hex}
        digest: str = self._ask("POST", "/v1/bundles", content=archive, headers=headers).json()["digest"]
        return digest

    def release(self, release_id: str) -> Seen:
        answer = self._ask("GET", f"/v1/releases/{release_id}")
        return Seen(answer.json(), answer.headers["ETag"])

    def follow_release(self, release_id: str, *, check: Callable[[], None] = no_check) -> Iterator[dict[str, Any]]:
        """The release now, then again after each change, without end. Survives a restart of the service.

        ``check`` is called before each poll and may raise.
        """
        newest = self.release(release_id)
        yield newest.release
        while True:
            check()
            answer = self._ask(
                "GET",
                f"/v1/releases/{release_id}",
                params={"wait": WAIT_SECONDS},
                headers={"If-None-Match": newest.etag},
                patience=PATIENCE_SECONDS,
            )
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                newest = Seen(answer.json(), answer.headers["ETag"])
                yield newest.release

    def _ask(self, method: str, path: str, *, patience: float = 0.0, **request: Any) -> httpx.Response:
        tried, deadline = 0, time.monotonic() + patience
        while True:
            tried += 1
            in_time = time.monotonic() < deadline
            try:
                answer = self._http.request(method, self.server + path, **request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as nobody:
                if not in_time:
                    raise _unreachable(self.server, nobody) from nobody
            except httpx.TransportError as broken:
                if tried >= TRIES and not in_time:
                    raise _unreachable(self.server, broken) from broken
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or (tried >= TRIES and not in_time):
                    return _accepted(answer)
            time.sleep(min(0.25 * 2**tried, 2.0))


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
        return answer
    if "json" in answer.headers.get("Content-Type", ""):
        problem = answer.json()
        if isinstance(problem, dict) and "detail" in problem:
            raise Refused(problem)
    raise Refused(
        {
            "title": answer.reason_phrase,
            "status": answer.status_code,
            "detail": f"{answer.url.host} answered {answer.status_code} {answer.reason_phrase}, which is not a response of mlrelease.",
            "code": "not_mlrelease",
            "hint": "Check --server (MLRELEASE_SERVER).",
        }
    )


def _unreachable(server: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"The service at {server} does not respond ({error or type(error).__name__}).",
        hint="Start the service with `mlrelease up`, or set its address with --server (MLRELEASE_SERVER).",
    )


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def credentials(scheme: str, host: str, *, actor: str | None, data: Path | None) -> httpx.Auth | None:
    """The credentials for requests to this host; None: none. Raises Misconfigured."""
    token = None if actor else token_given(os.environ)
    if token is None:
        if host not in LOOPBACK:
            return None  # names are believed on this machine only
        name = _header(actor or os.environ.get("MLRELEASE_ACTOR") or getpass.getuser())
        return DevelopmentLogin(name, data or data_folder(os.environ))
    if scheme != "https" and host not in LOOPBACK:
        raise Misconfigured(
            f"The token is not sent to {host} without TLS.",
            hint="Write the service's address as https://… (MLRELEASE_SERVER).",
        )
    return _Bearer(token)


class _Bearer(httpx.Auth):
    """Sends a bearer token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _header(actor: str) -> str:
    if not actor.isascii() or not actor.isprintable():
        raise Misconfigured(f"The name {actor!r} is not ASCII.", hint="Set MLRELEASE_ACTOR to an ASCII name.")
    return actor
