"""How much longer a rollout takes than Azure's own operations on its critical path, and what strictly one after the other would take.

    python -m benchmarks.critical_path [--factor 0.25]

The emulator's operations take as long as Azure's, scaled by one factor: an endpoint 90 s, a deployment 7 min, a share 60 s. A rollout
to production shares model and environment while the endpoint is made, so its critical path is the endpoint and the deployment. The
pipeline that we replace does the same four things one after the other; here the same SDK calls, in one script, without the minutes in
which each of its jobs installs the command line.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record import record
from tests.topology import Topology

ENDPOINT, DEPLOYMENT, SHARE = 90.0, 420.0, 60.0  # seconds in Azure


def main(factor: Annotated[float, typer.Option(help="of Azure's durations")] = 0.25) -> None:
    """Measure both, print the table, keep the figures."""
    path = factor * (ENDPOINT + DEPLOYMENT)
    with tempfile.TemporaryDirectory(prefix="mlrelease-bench-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with Topology(folder, f"sqlite:///{folder / 'bench.db'}") as topology:
            topology.start_worker()
            team = topology.new_team("bench")
            topology.train(team)
            topology.delay(endpoint=factor * ENDPOINT, deployment=factor * DEPLOYMENT, share=factor * SHARE)
            release = topology.wait_for(topology.ask(team), "succeeded", seconds=60 + 6 * path)
            ours = {rollout["stage"]: _seconds(rollout) for rollout in release["rollouts"]}
            one_by_one = _sequential(topology)
    figures = {
        "factor": factor,
        "critical_path_s": path,
        "dev_s": ours["dev"],
        "prod_s": ours["prod"],
        "sequential_s": one_by_one,
        "ratio": max(ours.values()) / path,
        "sequential_ratio": one_by_one / ours["prod"],
    }
    for name, value in figures.items():
        typer.echo(f"{name:<18}{value:>10.3f}")
    record("critical_path", figures)


def _seconds(rollout: dict[str, str]) -> float:
    begun, ended = (datetime.fromisoformat(rollout[each]) for each in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()


def _sequential(topology: Topology) -> float:
    code = next(topology.folder.glob("bundle-bench-*")) / "src"
    environment = {**os.environ, **topology.environment, "BENCH_CODE": str(code)}
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.sequential"], env=environment, check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    typer.run(main)
