"""What a request for a release costs: beside plain FastAPI with SQLModel, and beside MLflow's registry.

    python -m benchmarks.writes [--writes 600] [--times 3]

The service runs as in production, on SQLite and on PostgreSQL: each request has an API token and an idempotency key of its own, and
writes a release, its event in the chain, the answer under its key, and the work for a worker. Sixteen callers ask side by side, over
connections that stay open. Each server is measured by turns, in processor time of its whole tree of processes, since these machines
are noisy; a ratio above 1 says how many times cheaper a write of ours is. MLflow is measured where ``make bench`` could install it; its
write is ``POST /api/2.0/mlflow/registered-models/create``: of what its registry writes for those who release, the one that takes one request.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.local.ports import free_port
from benchmarks.callers import Cost, cheaper, cost_of, median_cost, show
from benchmarks.definitions import JOB
from benchmarks.installation import install
from benchmarks.record import per_database, record
from benchmarks.servers import NO_MLFLOW, Server, mlflow, running, service
from tests.postgresql import running_postgresql


@dataclass(frozen=True)
class Written:
    """A server, and the bytes of its nth request."""

    server: Server
    request: Callable[[int], bytes]


def main(
    writes: Annotated[int, typer.Option(help="in each measurement")] = 600,
    times: Annotated[int, typer.Option(help="that each is measured, by turns")] = 3,
) -> None:
    """Measure, print the table, keep the figures."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrelease-bench-")))
        server = stack.enter_context(running_postgresql())
        ours = {
            "sqlite": stack.enter_context(_ours(f"sqlite:///{scratch}/ours.db", scratch / "sqlite")),
            "postgresql": stack.enter_context(_ours(server.new_database("writes"), scratch / "postgresql")),
        }
        peers = {"plain": stack.enter_context(_plain(scratch))}
        registry = stack.enter_context(mlflow(scratch, free_port()))
        if registry is not None:
            peers["mlflow"] = Written(registry, lambda number: _create_registered_model(registry, number))
        else:
            typer.echo(NO_MLFLOW)
        figures = _measure({**ours, **peers}, writes=writes, times=times)
    show(figures)
    ratios = cheaper({name: figures[name] for name in ours}, {name: figures[name] for name in peers})
    named = {database: {f"post_{name}": ratio for name, ratio in each.items()} for database, each in ratios.items()}
    record("writes", per_database(named, {name: asdict(cost) for name, cost in figures.items()}))


def _measure(servers: dict[str, Written], *, writes: int, times: int) -> dict[str, Cost]:
    """The medians of all turns."""
    seen: dict[str, list[Cost]] = {name: [] for name in servers}
    for turn in range(times + 1):
        for name, written in servers.items():
            first = turn * writes
            cost = cost_of(written.server, [written.request(number) for number in range(first, first + writes)])
            if turn:  # the first warms up
                seen[name].append(cost)
    return {name: median_cost(costs) for name, costs in seen.items()}


@contextmanager
def _ours(url: str, data: Path) -> Iterator[Written]:
    database, secret = install(url, data)
    database.dispose()

    with service(url, data, free_port()) as server:

        def request(number: int) -> bytes:
            headers = f"Authorization: Bearer {secret}\r\nIdempotency-Key: {number}\r\n"
            return _post(server, "/v1/releases", {"model": "bench", "job": JOB}, headers)

        yield Written(server, request)


@contextmanager
def _plain(scratch: Path) -> Iterator[Written]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.written_peer", str(port), f"sqlite:///{scratch}/plain.db"]
    with running(command, port) as server:
        yield Written(server, lambda _: _post(server, "/v1/releases", {"model": "bench", "job": JOB}))


def _create_registered_model(registry: Server, number: int) -> bytes:
    return _post(registry, "/api/2.0/mlflow/registered-models/create", {"name": f"bench-{number}"})


def _post(server: Server, path: str, body: dict[str, str], headers: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{headers}"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


if __name__ == "__main__":
    typer.run(main)
