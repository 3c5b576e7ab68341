"""What a poll of a release costs: beside plain FastAPI with SQLModel, FastAPI that answers from memory, and MLflow's registry.

    python -m benchmarks.polls [--polls 2000] [--times 3]

The service runs as in production, with an API token, on SQLite and on PostgreSQL; sixteen callers poll one release side by side, over
connections that stay open. Each is measured by turns, in processor time of its whole tree of processes, since these machines are noisy;
a ratio above 1 says how many times cheaper a poll of ours is. MLflow is measured where ``make bench`` could install it; its poll is
``GET /api/2.0/mlflow/registered-models/get``.
"""

import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer

from app.api.first_token import first_token
from app.api.releases import rendered
from app.database.connection import Database
from app.database.migrate import migrate
from app.events.work import UnitOfWork
from app.guardrails.rules import NO_GUARDRAILS
from app.local.ports import free_port
from app.planning.sources import JobSource
from app.releasing.queue import DbosQueue
from app.releasing.requests import request_release
from app.releasing.work import Releasing, Work
from benchmarks.definitions import BENCH, JOB, apply_model
from benchmarks.record import per_database, record
from benchmarks.servers import NO_MLFLOW, Server, mlflow, running, service
from tests.postgresql import running_postgresql

CALLERS = 16
KINDS = ("full", "not_modified")


@dataclass(frozen=True)
class Polled:
    """A server, and the bytes of one request for the whole answer and of one that knows it already."""

    server: Server
    whole: bytes
    known: bytes


@dataclass(frozen=True)
class Cost:
    """Of one poll: milliseconds of processor time; and how many are answered in a second."""

    cpu_ms: float
    per_second: float


Figures = dict[str, dict[str, Cost]]


def main(
    polls: Annotated[int, typer.Option(help="in each measurement")] = 2000,
    times: Annotated[int, typer.Option(help="that each is measured, by turns")] = 3,
) -> None:
    """Measure, print the table, keep the figures."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrelease-bench-")))
        server = stack.enter_context(running_postgresql())
        ours = {
            "sqlite": stack.enter_context(_ours(f"sqlite:///{scratch}/ours.db", scratch / "sqlite")),
            "postgresql": stack.enter_context(_ours(server.new_database("polls"), scratch / "postgresql")),
        }
        body = scratch / "body.json"
        body.write_bytes(_get(ours["sqlite"]))
        peers = {
            "plain": stack.enter_context(_peer("plain", f"sqlite:///{scratch}/plain.db", body)),
            "memory": stack.enter_context(_peer("memory", "", body)),
        }
        registry = stack.enter_context(_mlflow(scratch))
        if registry is not None:
            peers["mlflow"] = registry
        else:
            typer.echo(NO_MLFLOW)
        figures = _measure({**ours, **peers}, polls=polls, times=times)
    _show(figures)
    raw = {name: {kind: asdict(cost) for kind, cost in each.items()} for name, each in figures.items()}
    record("polls", per_database(_ratios(figures), raw))


def _measure(servers: dict[str, Polled], *, polls: int, times: int) -> Figures:
    """The medians of all turns."""
    seen: dict[tuple[str, str], list[Cost]] = {}
    for turn in range(times + 1):
        for name, polled in servers.items():
            for kind, request in (("full", polled.whole), ("not_modified", polled.known)):
                begun, cpu = time.perf_counter(), polled.server.cpu()
                _poll(polled.server.port, request, polls if turn else polls // 10)
                if turn:  # the first warms up
                    cost = Cost((polled.server.cpu() - cpu) * 1000 / polls, polls / (time.perf_counter() - begun))
                    seen.setdefault((name, kind), []).append(cost)
    return {
        name: {kind: Cost(*map(statistics.median, zip(*map(astuple, seen[name, kind]), strict=True))) for kind in KINDS}
        for name in servers
    }


def _poll(port: int, request: bytes, polls: int) -> None:
    """By all callers side by side; each waits for one answer before its next request."""
    broken: list[BaseException] = []

    def call(number: int) -> None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(polls // CALLERS + (number < polls % CALLERS)):
                    connection.sendall(request)
                    _receive(connection)
        except BaseException as error:  # noqa: BLE001 - told below
            broken.append(error)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if broken:
        raise SystemExit(f"A poll failed: {broken[0]}")


def _receive(connection: socket.socket) -> bytes:
    """One answer, whose status must be 200 or 304."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 304")):
        raise SystemExit(f"A poll was answered with {head[:60]!r}.")
    lengths = [each.partition(b":")[2] for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    missing = (int(lengths[0]) if lengths else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))
    return head


@contextmanager
def _ours(url: str, data: Path) -> Iterator[Polled]:
    data.mkdir()
    database = Database(url)
    migrate(database)
    secret = first_token(database, "bench", now=datetime.now(UTC))
    with UnitOfWork(database, BENCH).transaction() as work:
        apply_model(work, "bench", data)
    with Work(Releasing(database, DbosQueue(database.engine), NO_GUARDRAILS), BENCH).transaction() as work:
        release = request_release(work, "bench", source=JobSource(job=JOB)).id
    revision = rendered(database, release).revision
    database.dispose()
    with service(url, data, free_port()) as server:
        yield _polled(server, f"/v1/releases/{release}", revision, f"Authorization: Bearer {secret}\r\n")


@contextmanager
def _peer(kind: str, database: str, body: Path) -> Iterator[Polled]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.polled_peers", kind, str(port), database, str(body)]
    with running(command, port) as server:
        yield _polled(server, "/v1/releases/release-1", 7)


@contextmanager
def _mlflow(scratch: Path) -> Iterator[Polled | None]:
    with mlflow(scratch, free_port()) as server:
        if server is None:
            yield None
            return
        made = httpx.post(
            f"http://127.0.0.1:{server.port}/api/2.0/mlflow/registered-models/create",
            json={"name": "bench"},
            timeout=60,
        )
        made.raise_for_status()
        yield _polled(server, "/api/2.0/mlflow/registered-models/get?name=bench", 0)


def _polled(server: Server, path: str, revision: int, headers: str = "") -> Polled:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{headers}"
    return Polled(server, f"{request}\r\n".encode(), f'{request}If-None-Match: "{revision}"\r\n\r\n'.encode())


def _get(polled: Polled) -> bytes:
    with httpx.Client(trust_env=False) as client:
        lines = polled.whole.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        answer = client.get(f"http://127.0.0.1:{polled.server.port}{lines[0].split()[1]}", headers=headers)
        answer.raise_for_status()
        return answer.content


def _ratios(figures: Figures) -> dict[str, dict[str, float]]:
    """How many times cheaper ours are, by database; and how many times as many MLflow's server answers in a second."""
    ratios: dict[str, dict[str, float]] = {}
    for database in ("sqlite", "postgresql"):
        ours, found = figures[database], ratios.setdefault(database, {})
        for peer, name in (("mlflow", "mlflow"), ("memory", "fastapi"), ("plain", "plain")):
            for kind in KINDS if peer in figures else ():
                found[f"{kind}_over_{name}"] = figures[peer][kind].cpu_ms / ours[kind].cpu_ms
        if "mlflow" in figures:
            found["full_per_second_over_mlflow"] = ours["full"].per_second / figures["mlflow"]["full"].per_second
    return ratios


def _show(figures: Figures) -> None:
    typer.echo(f"{'':<16}{'CPU ms':>8}{'304':>8}{'polls/s':>12}{'304':>8}")
    for name, each in figures.items():
        full, known = each["full"], each["not_modified"]
        typer.echo(f"{name:<16}{full.cpu_ms:>8.3f}{known.cpu_ms:>8.3f}{full.per_second:>12.0f}{known.per_second:>8.0f}")


if __name__ == "__main__":
    typer.run(main)
