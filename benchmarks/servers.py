"""Servers that are measured: each a process of its own, by the processor time of it and of all that it has started."""

import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")
_PROCESSOR_TIME = 2  # in the number of a process's clock, as Linux makes it
# `make bench` sets it up: MLflow's dependencies are no concern of ours.
MLFLOW = Path(__file__).parents[1] / ".mlrelease" / "mlflow" / "bin" / "mlflow"
NO_MLFLOW = "MLflow is not installed in .mlrelease/mlflow (`make bench` does that), and not measured."


@dataclass(frozen=True)
class Server:
    """One that listens on a port of loopback."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu(self) -> float:
        """Seconds of processor time until now, of the whole tree of processes."""
        return cpu_of(self.process.pid)


def cpu_of(pid: int) -> float:
    """Seconds of processor time until now, of a process and all that it has started."""
    spent: dict[int, float] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        each = int(stat.parent.name)
        spent[each] = _spent(each, sum(map(int, fields[13:15])) / TICKS)
        children[int(fields[1])].append(each)
    tree = [pid]
    for parent in tree:
        tree.extend(children[parent])
    return sum(spent.get(one, 0.0) for one in tree)


def _spent(pid: int, of_children: float) -> float:
    """By the clock of the process, which is finer than the ticks of what it has waited for."""
    try:
        return time.clock_gettime(~pid << 3 | _PROCESSOR_TIME) + of_children
    except OSError:  # it has ended
        return 0.0


@contextmanager
def running(command: Sequence[str], port: int, *, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A command that serves on the port, until the end of the ``with``. ``environment``: beside our own."""
    with subprocess.Popen(  # noqa: S603 - our own commands
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield Server(process, port)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@contextmanager
def service(url: str, data: Path, port: int, *, development_login: bool = False) -> Iterator[Server]:
    """Ours, as in production: over the database at ``url``, which is migrated, and for callers with tokens."""
    environment = {
        "MLRELEASE_DATABASE_URL": url,
        "MLRELEASE_DATA": str(data),
        "MLRELEASE_DEVELOPMENT_LOGIN": str(development_login).lower(),
        "MLRELEASE_PORT": str(port),
        "MLRELEASE_LOG_FORMAT": "json",
    }
    with running([sys.executable, "-m", "app.main"], port, environment=environment) as server:
        yield server


@contextmanager
def mlflow(scratch: Path, port: int) -> Iterator[Server | None]:
    """MLflow's server with one worker over SQLite; None where it is not installed."""
    if not MLFLOW.exists():
        yield None
        return
    command = [str(MLFLOW), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{scratch}/mlflow.db", "--artifacts-destination", str(scratch)]
    with running([*command, *store], port) as server:
        yield server


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
