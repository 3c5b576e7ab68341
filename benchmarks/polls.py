"""What a poll of a release costs: beside plain FastAPI with SQLModel, FastAPI that answers from memory, and MLflow's registry.

    python -m benchmarks.polls [--polls 2000] [--times 3]

The service runs as in production, with an API token, on SQLite and on PostgreSQL; sixteen callers poll one release side by side, over
connections that stay open. Each is measured by turns, in processor time of the whole process a poll, since these machines are noisy; a
ratio above 1 says how many times cheaper a poll of ours is. MLflow is measured where it is installed (``pip install mlflow-skinny
mlflow``); its poll is ``GET /api/2.0/mlflow/registered-models/get``.
"""

import importlib.util
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from benchmarks.record import record
from tests.postgresql import running_postgresql

CALLERS = 16
START_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Polled:
    """A server's process, and the bytes of one request for the whole answer and of one that knows it already."""

    process: subprocess.Popen[bytes]
    port: int
    whole: bytes
    known: bytes

    def cpu(self) -> float:
        """Seconds of its processor time until now, children included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS


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
        if importlib.util.find_spec("mlflow") is not None:
            peers["mlflow"] = stack.enter_context(_mlflow(scratch))
        else:
            typer.echo("MLflow is not installed, and not measured.")
        figures = _measure({**ours, **peers}, polls=polls, times=times)
    _show(figures)
    record("polls", _ratios(figures))


def _measure(servers: dict[str, Polled], *, polls: int, times: int) -> dict[str, dict[str, float]]:
    """Milliseconds of processor time a poll: the median of all turns."""
    seen: dict[tuple[str, str], list[float]] = {}
    for turn in range(times + 1):
        for name, server in servers.items():
            for kind, request in (("full", server.whole), ("not_modified", server.known)):
                begun = server.cpu()
                _poll(server.port, request, polls if turn else polls // 10)
                if turn:  # the first warms up
                    seen.setdefault((name, kind), []).append((server.cpu() - begun) * 1000 / polls)
    return {name: {kind: statistics.median(seen[name, kind]) for kind in ("full", "not_modified")} for name in servers}


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
    port = free_port()
    environment = {
        **os.environ,
        "MLRELEASE_DATABASE_URL": url,
        "MLRELEASE_DATA": str(data),
        "MLRELEASE_DEVELOPMENT_LOGIN": "false",
        "MLRELEASE_PORT": str(port),
        "MLRELEASE_LOG_FORMAT": "json",
    }
    with _running([sys.executable, "-m", "app.main"], port, environment=environment) as process:
        yield _polled(process, port, f"/v1/releases/{release}", revision, f"Authorization: Bearer {secret}\r\n")


@contextmanager
def _peer(kind: str, database: str, body: Path) -> Iterator[Polled]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.polled_peers", kind, str(port), database, str(body)]
    with _running(command, port) as process:
        yield _polled(process, port, "/v1/releases/release-1", 7)


@contextmanager
def _mlflow(scratch: Path) -> Iterator[Polled]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{scratch}/mlflow.db", "--artifacts-destination", str(scratch)]
    with _running([*command, *store], port) as process:
        made = httpx.post(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/registered-models/create", json={"name": "bench"}, timeout=60
        )
        made.raise_for_status()
        yield _polled(process, port, "/api/2.0/mlflow/registered-models/get?name=bench", 0)


def _polled(process: subprocess.Popen[bytes], port: int, path: str, revision: int, headers: str = "") -> Polled:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}"
    return Polled(process, port, f"{request}\r\n".encode(), f'{request}If-None-Match: "{revision}"\r\n\r\n'.encode())


@contextmanager
def _running(
    command: Sequence[str], port: int, *, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(  # noqa: S603 - our own commands
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield process
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("A server did not start.")


def _get(server: Polled) -> bytes:
    with httpx.Client(trust_env=False) as client:
        lines = server.whole.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        answer = client.get(f"http://127.0.0.1:{server.port}{lines[0].split()[1]}", headers=headers)
        answer.raise_for_status()
        return answer.content


def _ratios(figures: dict[str, dict[str, float]]) -> dict[str, object]:
    """How many times cheaper ours are: on the database where that is less."""
    worst: Callable[[str], float] = lambda kind: max(figures[each][kind] for each in ("sqlite", "postgresql"))  # noqa: E731
    found: dict[str, object] = {
        "full_over_plain": figures["plain"]["full"] / worst("full"),
        "not_modified_over_plain": figures["plain"]["not_modified"] / worst("not_modified"),
        "full_over_fastapi": figures["memory"]["full"] / worst("full"),
        "not_modified_over_fastapi": figures["memory"]["not_modified"] / worst("not_modified"),
        "cpu_milliseconds": figures,
    }
    if "mlflow" in figures:
        found["full_over_mlflow"] = figures["mlflow"]["full"] / worst("full")
    return found


def _show(figures: dict[str, dict[str, float]]) -> None:
    typer.echo(f"{'CPU ms a poll':<16}{'full':>8}{'304':>8}")
    for name, each in figures.items():
        typer.echo(f"{name:<16}{each['full']:>8.3f}{each['not_modified']:>8.3f}")


if __name__ == "__main__":
    typer.run(main)
