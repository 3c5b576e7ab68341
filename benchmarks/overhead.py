"""What the service costs over its engine: releases through the whole of it with instant steps, beside bare DBOS in the same run.

    python -m benchmarks.overhead [--releases 60] [--targets 20] [--times 3]

Both do the same for each release: a short workflow that prepares it, then a rollout on a queue partitioned by target. The floor's has
ten steps with nothing in them (begin, the eight of a release's first stage, finish), each a checkpoint of the engine. Ours has the eight,
whose checkpoints are our own rows: a record, two chained events, a plan and what people see. Each has a database of its own, and a round
before the measured ones in which both warm up. Measured by the clock, and in processor time, which a busy machine changes less.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer
from dbos import DBOSClient, WorkflowHandle
from sqlmodel import func, select

from app.database.connection import Database
from app.database.migrate import migrate
from app.events.work import UnitOfWork
from app.guardrails.rules import NO_GUARDRAILS
from app.planning.sources import JobSource
from app.releases.states import FINAL, Status
from app.releases.tables import Release
from app.releasing.names import ENGINE_NAME
from app.releasing.queue import DbosQueue
from app.releasing.requests import request_release
from app.releasing.serialization import SERIALIZER
from app.releasing.work import Releasing, Work
from benchmarks import bare_worker
from benchmarks.definitions import BENCH, JOB, apply_model
from benchmarks.record import record
from benchmarks.servers import cpu_of
from tests.postgresql import running_postgresql

POLL = "0.1"
WARM_UP = 1  # rounds before the measured ones
TOLD = 4000  # characters of what workers have logged, where something does not end
LOOK_SECONDS = 0.02  # between two looks whether they are through


@dataclass(frozen=True)
class Load:
    """What is measured: so many releases, in rounds of one for each target, so many times."""

    releases: int
    targets: int
    times: int
    scratch: Path

    @property
    def names(self) -> list[str]:
        return [f"bench-{number}" for number in range(self.targets)]

    @property
    def rounds(self) -> int:
        return self.releases // self.targets


@dataclass(frozen=True)
class Spent:
    """Seconds: by the clock, and of processor time, of the workers and of who asks them; the database's own is not in it."""

    seconds: float
    cpu: float

    @classmethod
    def until_now(cls, workers: Sequence[subprocess.Popen[str]]) -> "Spent":
        return cls(time.perf_counter(), sum(cpu_of(each.pid) for each in workers) + time.process_time())

    def __sub__(self, before: "Spent") -> "Spent":
        return Spent(self.seconds - before.seconds, self.cpu - before.cpu)


def main(
    releases: Annotated[int, typer.Option(help="in each measurement")] = 60,
    targets: Annotated[int, typer.Option(help="endpoints that they are spread over")] = 20,
    most_workers: Annotated[int, typer.Option(help="on PostgreSQL: 1, 2, … so many")] = 4,
    times: Annotated[int, typer.Option(help="that both are measured, by turns")] = 3,
) -> None:
    """Measure, print the table, keep the figures."""
    rows = []
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # the table is to be seen
    typer.echo(f"{'database':<12}{'workers':>8}{'releases/s':>12}{'bare/s':>8}{'s/release':>11}{'bare s':>8}  ratio")
    with tempfile.TemporaryDirectory(prefix="mlrelease-bench-", ignore_cleanup_errors=True) as scratch:
        load = Load(releases, targets, times, Path(scratch))
        rows.append(_row("sqlite", 1, lambda name: f"sqlite:///{scratch}/{name}.db", load))
        for workers in (each for each in (1, 2, 4) if each <= most_workers):
            with running_postgresql() as server:
                rows.append(_row("postgresql", workers, server.new_database, load))
    worst, worst_cpu = (max(float(str(row[each])) for row in rows) for each in ("ratio", "cpu_ratio"))
    record(
        "overhead",
        {
            "ratio_to_bare_dbos": worst,
            "cpu_ratio_to_bare_dbos": worst_cpu,
            "releases": releases,
            "targets": targets,
            "rows": rows,
        },
    )


def _row(kind: str, workers: int, new_database: Callable[[str], str], load: Load) -> dict[str, float | str | int]:
    """By turns, because the machine is not equally fast for long: each ratio is of two measurements that follow each other."""
    pairs: list[tuple[Spent, Spent]] = []
    for time_ in range(load.times):
        with _migrated(new_database(f"ours{time_}")) as ours_, _migrated(new_database(f"bare{time_}")) as bare_:
            pairs.append((_ours(ours_, workers, load), _bare(bare_, workers, load)))
    ours = statistics.median(one.seconds for one, _ in pairs) / load.releases
    bare = statistics.median(other.seconds for _, other in pairs) / load.releases
    ratios = [one.seconds / other.seconds for one, other in pairs]
    cpu_ratio = statistics.median(one.cpu / other.cpu for one, other in pairs)
    row: dict[str, float | str | int] = {
        "database": kind,
        "workers": workers,
        "releases_per_s": 1 / ours,
        "bare_per_s": 1 / bare,
        "seconds_per_release": ours,
        "bare_seconds_per_release": bare,
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
        "cpu_ms_per_release": statistics.median(one.cpu for one, _ in pairs) * 1000 / load.releases,
        "bare_cpu_ms_per_release": statistics.median(other.cpu for _, other in pairs) * 1000 / load.releases,
        "cpu_ratio": cpu_ratio,
    }
    typer.echo(
        f"{kind:<12}{workers:>8}{1 / ours:>12.1f}{1 / bare:>8.1f}{ours:>11.3f}{bare:>8.3f}"
        f"  {row['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), in CPU {cpu_ratio:.2f}"
    )
    return row


@contextmanager
def _migrated(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database)
    yield database
    database.dispose()


def _ours(database: Database, workers: int, load: Load) -> Spent:
    """For all releases."""
    with UnitOfWork(database, BENCH).transaction() as work:
        for name in load.names:
            apply_model(work, name, load.scratch)
    releasing = Releasing(database, DbosQueue(database.engine), NO_GUARDRAILS)
    with _workers("benchmarks.instant_worker", workers, database.url, load.scratch) as running:
        for round_ in range(WARM_UP + load.rounds):
            if round_ == WARM_UP:
                begun = Spent.until_now(running)
            for name in load.names:
                with Work(releasing, BENCH).transaction() as work:
                    request_release(work, name, source=JobSource(job=JOB))
            # A newer release supersedes one that waits: each round begins when the one before is through.
            _wait(partial(_have_succeeded, database, (round_ + 1) * load.targets), running)
        return Spent.until_now(running) - begun


def _bare(database: Database, workers: int, load: Load) -> Spent:
    """For as many rollouts of the floor."""
    client = DBOSClient(
        system_database_engine=database.engine, serializer=SERIALIZER, application_name=ENGINE_NAME, lazy=True
    )
    with _workers("benchmarks.bare_worker", workers, database.url, load.scratch) as running:
        for round_ in range(WARM_UP + load.rounds):
            if round_ == WARM_UP:
                begun = Spent.until_now(running)
            prepared: list[WorkflowHandle[str]] = [
                client.enqueue({"workflow_name": bare_worker.PREPARE, "queue_name": bare_worker.TASKS}, name)
                for name in load.names
            ]
            for handle in prepared:
                handle.get_result(polling_interval_sec=LOOK_SECONDS)
            handles: list[WorkflowHandle[str]] = [
                client.enqueue(
                    {
                        "workflow_name": bare_worker.ROLLOUT,
                        "queue_name": bare_worker.ROLLOUTS,
                        "queue_partition_key": name,
                    },
                    name,
                )
                for name in load.names
            ]
            for handle in handles:
                handle.get_result(polling_interval_sec=LOOK_SECONDS)
        return Spent.until_now(running) - begun


def _have_succeeded(database: Database, releases: int) -> bool:
    with database.read() as session:
        ended = dict(session.exec(select(Release.status, func.count()).group_by(Release.status)).all())
    wrong = ended.keys() & (FINAL - {Status.SUCCEEDED})
    if wrong:
        raise SystemExit(f"Releases did not succeed, but are {', '.join(sorted(wrong))}.")
    return ended.get(Status.SUCCEEDED, 0) >= releases


def _wait(condition: Callable[[], bool], workers: Sequence[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        ended = [worker.returncode for worker in workers if worker.poll() is not None]
        if ended:
            raise SystemExit(f"A worker ended with {ended[0]}.")
        if time.monotonic() > deadline:
            raise SystemExit("The releases did not end within five minutes.")
        time.sleep(LOOK_SECONDS)


@contextmanager
def _workers(module: str, count: int, url: str, data: Path) -> Iterator[Sequence[subprocess.Popen[str]]]:
    environment = {
        **os.environ,
        "MLRELEASE_DATABASE_URL": url,
        "MLRELEASE_DATA": str(data),
        "MLRELEASE_QUEUE_POLL_SECONDS": POLL,
    }
    with (data / "worker.log").open("w+") as log:
        running = [
            subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", module],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            for _ in range(count)
        ]
        try:
            yield from _ready(module, running)
        except SystemExit:
            log.seek(0)
            typer.echo(log.read()[-TOLD:], err=True)
            raise


def _ready(module: str, running: Sequence[subprocess.Popen[str]]) -> Iterator[Sequence[subprocess.Popen[str]]]:
    try:
        for worker in running:
            if worker.stdout is None or worker.stdout.readline().strip() != "ready":
                raise SystemExit(f"{module} did not start")
        yield running
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait(timeout=30)


if __name__ == "__main__":
    typer.run(main)
