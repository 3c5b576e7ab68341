"""What a poll of a release costs: beside plain FastAPI with SQLModel, FastAPI that answers from memory, and MLflow's registry.

    python -m benchmarks.polls [--polls 2000] [--times 3]

The service runs as in production, with an API token, on SQLite and on PostgreSQL; sixteen callers poll one release side by side, over
connections that stay open. Each is measured by turns, in processor time of its whole tree of processes, since these machines are noisy;
a ratio above 1 says how many times cheaper a poll of ours is. MLflow is measured where ``make bench`` could install it; its poll is
``GET /api/2.0/mlflow/registered-models/get``.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer

from app.api.releases import rendered
from app.guardrails.rules import NO_GUARDRAILS
from app.local.ports import free_port
from app.planning.sources import JobSource
from app.releasing.queue import DbosQueue
from app.releasing.requests import request_release
from app.releasing.work import Releasing, Work
from benchmarks.callers import Cost, cost_of, median_cost
from benchmarks.definitions import BENCH, JOB
from benchmarks.installation import install
from benchmarks.record import per_database, record
from benchmarks.servers import NO_MLFLOW, Server, mlflow, running, service
from tests.postgresql import running_postgresql

KINDS = ("full", "not_modified")


@dataclass(frozen=True)
class Polled:
    """A server, and the bytes of one request for the whole answer and of one that knows it already."""

    server: Server
    whole: bytes
    known: bytes


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
                cost = cost_of(polled.server, [request] * (polls if turn else polls // 10))
                if turn:  # the first warms up
                    seen.setdefault((name, kind), []).append(cost)
    return {name: {kind: median_cost(seen[name, kind]) for kind in KINDS} for name in servers}


@contextmanager
def _ours(url: str, data: Path) -> Iterator[Polled]:
    database, secret = install(url, data)
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
