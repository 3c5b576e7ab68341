"""What the programs cost before they do anything: their imports, the list of commands, a start, and a minute at rest.

    python -m benchmarks.startup [--times 5] [--seconds 60]

Imports are measured by turns, in processor time, beside what nobody can do without: Python with FastAPI and SQLModel for the API, with
Typer and Rich for the command. A worker at rest is measured beside one of the bare engine, with the same queues, asked as often as ours
would be if nobody told it of changes. On SQLite and on PostgreSQL.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.database.connection import Database
from app.database.migrate import migrate
from app.local.ports import free_port
from app.local.stack import Stack
from benchmarks.record import record
from tests.postgresql import running_postgresql

COMMAND = str(Path(sys.executable).with_name("mlrelease"))
STARTED = {
    "fastapi_sqlmodel": [sys.executable, "-c", "import fastapi, sqlmodel"],
    "api": [sys.executable, "-c", "import app.main"],
    "azure_sdk": [sys.executable, "-c", "import azure.ai.ml"],
    "worker": [sys.executable, "-c", "import app.worker"],
    "emulator": [sys.executable, "-c", "import emulator.running"],
    "typer_rich": [sys.executable, "-c", "import typer, rich.console, rich.table"],
    "help": [COMMAND, "--help"],
    "release_help": [COMMAND, "release", "--help"],
}
OVER = {"api": "fastapi_sqlmodel", "worker": "azure_sdk", "help": "typer_rich"}
MODULES = "import sys, {}; print(len(sys.modules))"
SETTLE_SECONDS = 70  # the engine looks for schedules each second in its first minute
TICKS = os.sysconf("SC_CLK_TCK")

Rest = dict[str, dict[str, float]]


def main(
    times: Annotated[int, typer.Option(help="that each start is measured, by turns")] = 5,
    seconds: Annotated[int, typer.Option(help="at rest")] = 60,
) -> None:
    """Measure, print the figures, keep them."""
    starts = _starts(times)
    modules = {name: _modules(module) for name, module in (("api", "app.main"), ("worker", "app.worker"))}
    with tempfile.TemporaryDirectory(prefix="mlrelease-bench-") as scratch, running_postgresql() as server:
        urls = {"sqlite": "", "postgresql": server.new_database("startup")}
        bare = {"sqlite": f"sqlite:///{scratch}/bare.db", "postgresql": server.new_database("bare")}
        rest = {name: _at_rest(Path(scratch, name), urls[name], bare[name], seconds) for name in urls}
    ratios = {f"{name}_over_{floor}": starts[name] / starts[floor] for name, floor in OVER.items()}
    ratios |= {
        f"worker_at_rest_over_bare_{database}": seen["worker"]["percent"] / max(seen["bare"]["percent"], 1 / seconds)
        for database, seen in rest.items()
    }
    record("startup", {**ratios, "raw": {"cpu_seconds": starts, "modules": modules, "at_rest": rest}})
    for name, cost in starts.items():
        typer.echo(f"{name:18} {cost:6.2f} s of processor time")
    for database, seen in rest.items():
        for name, figures in seen.items():
            typer.echo(
                f"{database:10} {name:10} " + "  ".join(f"{what} {value:.2f}" for what, value in figures.items())
            )
    for name, ratio in ratios.items():
        typer.echo(f"{name:40} {ratio:.2f}")


def _starts(times: int) -> dict[str, float]:
    """Seconds of processor time of each, the median of all turns."""
    seen: dict[str, list[float]] = {name: [] for name in STARTED}
    for turn in range(times + 1):
        for name, command in STARTED.items():
            before = _children()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own programs
            if turn:  # the first compiles what has changed
                seen[name].append(_children() - before)
    return {name: statistics.median(each) for name, each in seen.items()}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _modules(module: str) -> int:
    counted = subprocess.run([sys.executable, "-c", MODULES.format(module)], check=True, capture_output=True, text=True)  # noqa: S603 - our own programs
    return int(counted.stdout)


def _at_rest(data: Path, url: str, bare_url: str, seconds: int) -> Rest:
    """Percent of a core and mebibytes of each program at rest, and the seconds of processor time until it was ready."""
    begun = time.monotonic()
    with ExitStack() as stack:
        up = stack.enter_context(
            Stack(data=data, port=free_port(), emulator_port=0, variables={"MLRELEASE_DATABASE_URL": url})
        )
        pids = {program.name: program.pid for program in up.programs}
        ready = {name: {"ready_cpu_seconds": _cpu(pid)} for name, pid in pids.items()}
        typer.echo(f"Everything was ready after {time.monotonic() - begun:.1f} s.")
        pids["bare"] = stack.enter_context(_bare_worker(bare_url))
        time.sleep(SETTLE_SECONDS)
        before = {name: _cpu(pid) for name, pid in pids.items()}
        time.sleep(seconds)
        return {
            name: {
                **ready.get(name, {}),
                "percent": (_cpu(pid) - before[name]) / seconds * 100,
                "resident_mib": _resident(pid),
            }
            for name, pid in pids.items()
        }


@contextmanager
def _bare_worker(url: str) -> Iterator[int]:
    """The process id of a worker of the bare engine."""
    database = Database(url)
    migrate(database)
    database.dispose()
    command = [sys.executable, "-m", "benchmarks.bare_worker"]
    environment = {**os.environ, "MLRELEASE_DATABASE_URL": url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as worker:  # noqa: S603 - our own program
        assert worker.stdout is not None, "opened as a pipe"
        worker.stdout.readline()
        try:
            yield worker.pid
        finally:
            worker.terminate()


def _cpu(pid: int) -> float:
    """Seconds of processor time until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS


def _resident(pid: int) -> float:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    typer.run(main)
