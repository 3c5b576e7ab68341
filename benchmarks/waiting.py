"""How long 2,000 callers who wait for one release wait once it changes, and everybody else meanwhile.

    python -m benchmarks.waiting [--waiters 2000] [--times 3]

The service runs as in production, on SQLite and on PostgreSQL; each caller has a connection of its own and one of twenty tokens, and asks
with ``?wait=`` for a revision that it has. Then the release is cancelled. Measured from that request on: until each of them has the whole
new answer, and how long ``/health/ready`` takes, which another process asks all the time. Beside it, by turns: FastAPI from memory, which
wakes as many by one event and sends them bytes that it has.
"""

import asyncio
import http.client
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated, cast

import typer
from uvicorn.loops.auto import auto_loop_factory

from app.api.first_token import first_token
from app.database.connection import Database
from app.database.migrate import migrate
from app.events.work import UnitOfWork
from app.guardrails.rules import NO_GUARDRAILS
from app.identity.roles import Grant, Role
from app.local.ports import free_port
from app.planning.sources import JobSource
from app.releases.attested import BELIEVED_SECONDS
from app.releasing.queue import DbosQueue
from app.releasing.requests import request_release
from app.releasing.tokens import create_token
from app.releasing.work import Releasing, Work
from benchmarks.definitions import BENCH, JOB, apply_model
from benchmarks.record import per_database, record
from benchmarks.servers import Server, running, service
from tests.postgresql import running_postgresql

TOKENS = 20
QUIET = 0.05  # of a core: a server that uses no more has begun to wait with all
PATIENCE_SECONDS = 100
LIVE, READY = "/health/live", "/health/ready"


@dataclass(frozen=True)
class Waited:
    """Seconds from the request that changes the release on, and milliseconds of processor time for each who was woken."""

    p50: float
    p99: float
    last: float
    ready_p99: float
    ready_longest: float
    cpu_ms: float


@dataclass(frozen=True)
class Crowd:
    """A server, the releases that are waited for, one in each turn, and the headers that callers send."""

    server: Server
    releases: Sequence[str]
    headers: Sequence[dict[str, str]]
    admin: dict[str, str]


class Waiter(asyncio.Protocol):
    """One caller. ``answered``: when the whole answer was there."""

    def __init__(self, request: bytes, answered: "asyncio.Future[float]") -> None:
        self._request, self._answered, self._received = request, answered, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.WriteTransport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or self._answered.done():
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._answered.set_exception(SystemExit(f"A caller who waited was answered with {head[:60]!r}."))
        elif len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            self._answered.set_result(time.perf_counter())

    def connection_lost(self, _broken: Exception | None) -> None:
        if not self._answered.done():
            self._answered.set_exception(SystemExit("The connection of a caller who waited was closed."))


def main(
    waiters: Annotated[int, typer.Option(help="who wait for one release")] = 2000,
    times: Annotated[int, typer.Option(help="that each is measured, by turns")] = 3,
) -> None:
    """Measure, print the table, keep the figures."""
    _allow_files(2 * waiters)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrelease-bench-")))
        server = stack.enter_context(running_postgresql())
        crowds = {
            "sqlite": stack.enter_context(_ours(f"sqlite:///{scratch}/ours.db", scratch / "sqlite", times)),
            "postgresql": stack.enter_context(_ours(server.new_database("waiting"), scratch / "postgresql", times)),
            "memory": stack.enter_context(_memory(scratch, times)),
        }
        seen: dict[str, list[Waited]] = {name: [] for name in crowds}
        for turn in range(times):
            for name, crowd in crowds.items():
                with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
                    seen[name].append(runner.run(_wake(crowd, crowd.releases[turn], waiters)))
    figures = {name: _median(each) for name, each in seen.items()}
    typer.echo(f"{'seconds':<12}{'median':>8}{'p99':>8}{'last':>8}{'ready p99':>11}{'longest':>9}{'CPU ms each':>13}")
    for name, each in figures.items():
        typer.echo(
            f"{name:<12}{each.p50:>8.2f}{each.p99:>8.2f}{each.last:>8.2f}{each.ready_p99:>11.3f}{each.ready_longest:>9.3f}"
            f"{each.cpu_ms:>13.3f}"
        )
    memory = figures["memory"]
    ratios = {
        name: {
            "p99_over_fastapi": memory.p99 / figures[name].p99,
            "cpu_over_fastapi": memory.cpu_ms / figures[name].cpu_ms,
        }
        for name in ("sqlite", "postgresql")
    }
    raw = {"waiters": waiters, **{name: asdict(each) for name, each in figures.items()}}
    record("waiting", per_database(ratios, raw))


def _median(turns: Sequence[Waited]) -> Waited:
    return Waited(**{name: statistics.median(getattr(each, name) for each in turns) for name in asdict(turns[0])})


async def _wake(crowd: Crowd, release: str, waiters: int) -> Waited:
    loop = asyncio.get_running_loop()
    path = f"/v1/releases/{release}"
    known = await asyncio.to_thread(_ask, crowd.server, "GET", path, crowd.headers[0])
    answered: list[asyncio.Future[float]] = []
    for number in range(waiters):
        lines = {
            "Host": "127.0.0.1",
            "If-None-Match": known,
            **crowd.headers[number % len(crowd.headers)],
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"GET {path}?wait=110 HTTP/1.1\r\n{head}\r\n".encode()
        done: asyncio.Future[float] = loop.create_future()
        answered.append(done)
        await loop.create_connection(partial(Waiter, request, done), "127.0.0.1", crowd.server.port)
    await _until_all_wait(crowd.server, answered)
    await asyncio.sleep(BELIEVED_SECONDS)  # as after minutes: what was found out about tokens no longer counts
    context = multiprocessing.get_context("spawn")
    with context.Manager() as shared, ProcessPoolExecutor(1, mp_context=context) as pool:
        begun, ended = shared.Event(), shared.Event()
        others = loop.run_in_executor(pool, ask_until, crowd.server.port, READY, begun, ended)
        await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
        cpu, since = crowd.server.cpu(), time.perf_counter()
        await asyncio.to_thread(_ask, crowd.server, "POST", f"{path}/cancel", crowd.admin)
        at = await asyncio.wait_for(asyncio.gather(*answered), PATIENCE_SECONDS)
        cpu = crowd.server.cpu() - cpu
        await asyncio.to_thread(ended.set)
        ready = await others
    waited = sorted(each - since for each in at)
    return Waited(
        p50=statistics.median(waited),
        p99=waited[int(len(waited) * 0.99)],
        last=waited[-1],
        ready_p99=sorted(ready)[int(len(ready) * 0.99)],
        ready_longest=max(ready),
        cpu_ms=cpu * 1000 / waiters,
    )


async def _until_all_wait(server: Server, answered: Sequence["asyncio.Future[float]"]) -> None:
    """Those who wait cost nothing: until then it reads for them whether they have to."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        cpu, since = server.cpu(), time.perf_counter()
        await asyncio.sleep(1)
        for each in answered:
            if each.done():
                raise SystemExit(f"A caller did not wait: {each.exception() or 'it has an answer'}.")
        if server.cpu() - cpu <= QUIET * (time.perf_counter() - since):
            return
    raise SystemExit("The server does not come to rest.")


def ask_until(port: int, path: str, begun: Event, ended: Event) -> list[float]:
    """Seconds that each request took, one after the other, in a process of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    took: list[float] = []
    while not ended.is_set():
        since = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}.")
        took.append(time.perf_counter() - since)
        begun.set()
    return took


def _ask(server: Server, method: str, path: str, headers: dict[str, str]) -> str:
    """The answer's ETag."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    body = "{}" if method == "POST" else None
    connection.request(method, path, body, {**headers, "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path} was answered with {answer.status}: {text[:200]!r}.")
    return answer.headers["ETag"] or ""


@contextmanager
def _ours(url: str, data: Path, times: int) -> Iterator[Crowd]:
    data.mkdir()
    database = Database(url)
    migrate(database)
    now = datetime.now(UTC)
    admin = first_token(database, "bench", now=now)
    secrets, releases = [], []
    with UnitOfWork(database, BENCH).transaction() as work:
        for number in range(TOKENS):
            grants = (Grant(Role.VIEWER),)
            _, secret = create_token(work, name=f"ci-{number}", grants=grants, expires_at=now + timedelta(days=1))
            secrets.append(secret)
        for turn in range(times):
            apply_model(work, f"bench-{turn}", data)
    for turn in range(times):
        with Work(Releasing(database, DbosQueue(database.engine), NO_GUARDRAILS), BENCH).transaction() as work:
            releases.append(request_release(work, f"bench-{turn}", source=JobSource(job=JOB)).id)
    database.dispose()
    with service(url, data, free_port()) as server:
        yield Crowd(server, releases, [_bearer(each) for each in secrets], _bearer(admin))


@contextmanager
def _memory(scratch: Path, times: int) -> Iterator[Crowd]:
    port, body = free_port(), scratch / "body.json"
    body.write_text('{"id": "' + "x" * 4000 + '"}')
    with running([sys.executable, "-m", "benchmarks.polled_peers", "memory", str(port), "", str(body)], port) as server:
        yield Crowd(server, [f"release-{turn}" for turn in range(times)], [{}], {})


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _allow_files(most: int) -> None:
    """For this process and those that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < most:
        raise SystemExit(f"This machine lets a process have {hard} files; {most} are needed.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    typer.run(main)
