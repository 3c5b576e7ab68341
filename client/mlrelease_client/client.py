"""``Client`` and ``AsyncClient``: the generated operations, and what takes more than one request."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from mlrelease_client.async_operations import AsyncOperations
from mlrelease_client.calls import Call, path_of, read_answer, require_success
from mlrelease_client.credentials import Bearer, Token, checked_address, is_loopback
from mlrelease_client.errors import ClientError, ProblemError, Unreachable, WaitedTooLong
from mlrelease_client.models import EventView, ReleaseDetail
from mlrelease_client.operations import Operations
from mlrelease_client.retries import AGAIN, Retries
from mlrelease_client.server_sent import Reader
from mlrelease_client.waiting import POLL_SECONDS, has_ended

T = TypeVar("T")

ANSWER_SECONDS = 30.0  # beyond what a long poll waits
STREAM_SECONDS = 60.0  # without a word in a stream: the service says something every 15

Over = Callable[[ReleaseDetail], bool]


class _Connected:
    """What both clients are made of. ``auth`` takes the place of ``token`` where something else than a token is sent."""

    def __init__(
        self,
        server: str,
        *,
        token: Token | None = None,
        auth: httpx.Auth | None = None,
        retries: Retries | None = None,
    ) -> None:
        auth = auth if token is None else Bearer(token)
        self.server = checked_address(server, has_credentials=auth is not None)
        self.retries = retries or Retries()
        self._options: dict[str, Any] = {
            "base_url": self.server,
            "auth": auth,
            "timeout": httpx.Timeout(ANSWER_SECONDS, connect=10.0),
            "trust_env": not is_loopback(self.server),  # a proxy is for the world outside
            "headers": {"User-Agent": "mlrelease-client", "Accept": "application/json"},
        }

    def _wait(self, tried: int, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds until the next try; None: this was the last, or there is nothing to try again."""
        if isinstance(outcome, httpx.Response) and outcome.status_code not in AGAIN:
            return None
        asked = outcome.headers.get("Retry-After") if isinstance(outcome, httpx.Response) else None
        return self.retries.wait(tried, retry_after=asked, now=datetime.now(UTC), jitter=random.random())  # noqa: S311 # no secret

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"The service at {self.server} does not respond ({error or type(error).__name__}).")


class Client(_Connected, Operations):
    """One service, for one caller. Safe for several threads.

    ``server``: as https://HOST; ``token``: an API token, a token of one of the service's issuers, or a function that gives one.
    Raises ClientError, all of which are in ``errors``.
    """

    def __init__(
        self,
        server: str,
        *,
        token: Token | None = None,
        auth: httpx.Auth | None = None,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(server, token=token, auth=auth, retries=retries)
        self._http = httpx.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        return read_answer(call, self._ask(call))

    def follow_release(self, release_id: str) -> Iterator[ReleaseDetail]:
        """The release as it is now, and again after each change, until it has ended. Outlives a restart of the service."""
        release = self.get_release(release_id)
        yield release
        while not has_ended(release):
            newer = self._changed(release)
            if newer is not None:
                release = newer
                yield release

    def wait_for_release(
        self, release_id: str, *, seconds: float | None = None, until: Over = has_ended
    ) -> ReleaseDetail:
        """The release when it has ended, or ``until`` says that it is waited for no longer. Raises WaitedTooLong."""
        deadline = None if seconds is None else time.monotonic() + seconds
        release = self.get_release(release_id)
        while not until(release) and not has_ended(release):
            release = self._changed(release, most=_left(release, deadline)) or release
        return release

    def release_events(self, release_id: str, *, after: int = 0) -> Iterator[EventView]:
        """The release's events after that number, as they happen, until it has ended and all were given."""
        reader, tried = Reader(str(after)), 0
        while True:
            try:
                with self._http.stream("GET", _events(release_id), **_streamed(reader)) as answer:
                    if not answer.is_success:
                        answer.read()
                    require_success(answer)
                    for line in answer.iter_lines():
                        data = reader.feed(line)
                        if data is not None:
                            tried = 0
                            yield EventView.model_validate_json(data)
                if has_ended(self.get_release(release_id)) and not self._has_more(release_id, reader):
                    return
                continue  # the service that streamed is stopping; another one, or the next, goes on
            except httpx.TransportError as error:
                broken: ClientError = self._unreachable(error)
                wait = self._wait(tried := tried + 1, error)
            except ProblemError as error:
                broken, wait = error, None
                if error.status in AGAIN:
                    wait = self._wait(tried := tried + 1, httpx.Response(error.status))
            if wait is None:
                raise broken
            time.sleep(wait)

    def _has_more(self, release_id: str, reader: Reader) -> bool:
        return bool(self.list_release_events(release_id, after=int(reader.last_id), limit=1).items)

    def export_events(
        self, *, since: datetime | None = None, until: datetime | None = None, model: str | None = None
    ) -> Iterator[EventView]:
        """Every event in the audit record, the oldest first. Raises Unreachable where it breaks off."""
        call = Call[None]("GET", "/v1/audit/export", None, query={"since": since, "until": until, "model": model})
        try:
            with self._http.stream(**call.request(), timeout=STREAM_SECONDS) as answer:
                if not answer.is_success:
                    answer.read()
                require_success(answer)
                for line in answer.iter_lines():
                    yield EventView.model_validate_json(line)
        except httpx.TransportError as broken:
            raise self._unreachable(broken) from broken

    def _changed(self, release: ReleaseDetail, *, most: float = POLL_SECONDS) -> ReleaseDetail | None:
        answer = self._ask(_poll(release, min(most, POLL_SECONDS)))
        return None if answer.status_code == httpx.codes.NOT_MODIFIED else _read_release(answer)

    def _ask(self, call: Call[Any]) -> httpx.Response:
        tried = 0
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=10.0, read=ANSWER_SECONDS + call.seconds)
        while True:
            tried += 1
            try:
                answer = self._http.request(**call.request(), timeout=timeout)
            except httpx.TransportError as broken:
                wait = self._wait(tried, broken)
                if wait is None:
                    raise self._unreachable(broken) from broken
            else:
                wait = self._wait(tried, answer)
                if wait is None:
                    return answer
            time.sleep(wait)


class AsyncClient(_Connected, AsyncOperations):
    """As ``Client``, for asyncio."""

    def __init__(
        self,
        server: str,
        *,
        token: Token | None = None,
        auth: httpx.Auth | None = None,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(server, token=token, auth=auth, retries=retries)
        self._http = httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        return read_answer(call, await self._ask(call))

    async def follow_release(self, release_id: str) -> AsyncIterator[ReleaseDetail]:
        """As ``Client.follow_release``."""
        release = await self.get_release(release_id)
        yield release
        while not has_ended(release):
            newer = await self._changed(release)
            if newer is not None:
                release = newer
                yield release

    async def wait_for_release(
        self, release_id: str, *, seconds: float | None = None, until: Over = has_ended
    ) -> ReleaseDetail:
        """As ``Client.wait_for_release``."""
        deadline = None if seconds is None else time.monotonic() + seconds
        release = await self.get_release(release_id)
        while not until(release) and not has_ended(release):
            release = await self._changed(release, most=_left(release, deadline)) or release
        return release

    async def release_events(self, release_id: str, *, after: int = 0) -> AsyncIterator[EventView]:
        """As ``Client.release_events``."""
        reader, tried = Reader(str(after)), 0
        while True:
            try:
                async with self._http.stream("GET", _events(release_id), **_streamed(reader)) as answer:
                    if not answer.is_success:
                        await answer.aread()
                    require_success(answer)
                    async for line in answer.aiter_lines():
                        data = reader.feed(line)
                        if data is not None:
                            tried = 0
                            yield EventView.model_validate_json(data)
                if has_ended(await self.get_release(release_id)) and not await self._has_more(release_id, reader):
                    return
                continue
            except httpx.TransportError as error:
                broken: ClientError = self._unreachable(error)
                wait = self._wait(tried := tried + 1, error)
            except ProblemError as error:
                broken, wait = error, None
                if error.status in AGAIN:
                    wait = self._wait(tried := tried + 1, httpx.Response(error.status))
            if wait is None:
                raise broken
            await asyncio.sleep(wait)

    async def _has_more(self, release_id: str, reader: Reader) -> bool:
        return bool((await self.list_release_events(release_id, after=int(reader.last_id), limit=1)).items)

    async def export_events(
        self, *, since: datetime | None = None, until: datetime | None = None, model: str | None = None
    ) -> AsyncIterator[EventView]:
        """As ``Client.export_events``."""
        call = Call[None]("GET", "/v1/audit/export", None, query={"since": since, "until": until, "model": model})
        try:
            async with self._http.stream(**call.request(), timeout=STREAM_SECONDS) as answer:
                if not answer.is_success:
                    await answer.aread()
                require_success(answer)
                async for line in answer.aiter_lines():
                    yield EventView.model_validate_json(line)
        except httpx.TransportError as broken:
            raise self._unreachable(broken) from broken

    async def _changed(self, release: ReleaseDetail, *, most: float = POLL_SECONDS) -> ReleaseDetail | None:
        answer = await self._ask(_poll(release, min(most, POLL_SECONDS)))
        return None if answer.status_code == httpx.codes.NOT_MODIFIED else _read_release(answer)

    async def _ask(self, call: Call[Any]) -> httpx.Response:
        tried = 0
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=10.0, read=ANSWER_SECONDS + call.seconds)
        while True:
            tried += 1
            try:
                answer = await self._http.request(**call.request(), timeout=timeout)
            except httpx.TransportError as broken:
                wait = self._wait(tried, broken)
                if wait is None:
                    raise self._unreachable(broken) from broken
            else:
                wait = self._wait(tried, answer)
                if wait is None:
                    return answer
            await asyncio.sleep(wait)


def _left(release: ReleaseDetail, deadline: float | None) -> float:
    """Seconds that the next poll may take. Raises WaitedTooLong."""
    if deadline is None:
        return POLL_SECONDS
    left = deadline - time.monotonic()
    if left <= 0:
        raise WaitedTooLong(f"{release.id} has not ended in the time given: it is {release.status}. {release.sentence}")
    return left


def _poll(release: ReleaseDetail, seconds: float) -> Call[ReleaseDetail]:
    # No more digits than the service's fast way for polls reads.
    return Call(
        "GET",
        path_of("/v1/releases/{release_id}", release_id=release.id),
        ReleaseDetail,
        query={"wait": round(seconds, 3)},
        headers={"If-None-Match": f'"{release.revision}"'},
        seconds=seconds,
    )


def _read_release(answer: httpx.Response) -> ReleaseDetail:
    return read_answer(Call[ReleaseDetail]("GET", "", ReleaseDetail), answer)


def _events(release_id: str) -> str:
    return path_of("/v1/releases/{release_id}/events", release_id=release_id)


def _streamed(reader: Reader) -> dict[str, Any]:
    return {
        "headers": {"Accept": "text/event-stream", "Last-Event-ID": reader.last_id},
        "timeout": httpx.Timeout(STREAM_SECONDS, connect=10.0),
    }
