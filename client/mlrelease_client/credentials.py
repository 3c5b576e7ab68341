"""Who asks: a token, or a function that gives one, for tokens that live for minutes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from urllib.parse import urlsplit

import httpx

from mlrelease_client.errors import Misused

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Token = str | Callable[[], str]


class Bearer(httpx.Auth):
    """Sends a bearer token. A function is asked before each request: it should keep its token for as long as that is good."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._token if isinstance(self._token, str) else self._token()
        yield _with(token, request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = self._token if isinstance(self._token, str) else await asyncio.to_thread(self._token)
        yield _with(token, request)


def checked_address(server: str, *, has_credentials: bool) -> str:
    """Raises Misused for an address that is none, and where credentials would go over the network without TLS."""
    place = urlsplit(server)
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise Misused(f"{server!r} is not a service's address. Write it as https://HOST.")
    if has_credentials and place.scheme != "https" and place.hostname not in LOOPBACK:
        raise Misused(f"The token is not sent to {place.hostname} without TLS. Write the address as https://….")
    return server.rstrip("/")


def is_loopback(server: str) -> bool:
    return urlsplit(server).hostname in LOOPBACK


def _with(token: str, request: httpx.Request) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request
