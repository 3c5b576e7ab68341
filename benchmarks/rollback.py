"""How long it takes to go back: from the call until Azure, read back, gives all of the traffic to what served before.

    python -m benchmarks.rollback [--times 5]

The emulator's operations take no time of their own: what is measured is the service. ``warm``: the deployment is still there; ``read_back``
is when a caller of Azure sees its traffic, ``ended`` when the rollback itself has read it back, confirmed it, and put the target on hold.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record import record
from tests.topology import Json, Team, Topology
from tests.waiting import wait_until


def main(times: Annotated[int, typer.Option(help="rollbacks, each after a release of its own")] = 5) -> None:
    """Measure, print the table, keep the figures."""
    with tempfile.TemporaryDirectory(prefix="mlrelease-bench-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with Topology(folder, f"sqlite:///{folder / 'bench.db'}") as topology:
            topology.start_worker()
            team = topology.new_team("bench", stages=("dev",))
            topology.train(team)
            topology.wait_for(topology.ask(team), "succeeded")
            measured = [_measure(topology, team) for _ in range(times)]
    figures = {
        "times": times,
        "warm_read_back_median_s": statistics.median(seen for seen, _ in measured),
        "warm_read_back_max_s": max(seen for seen, _ in measured),
        "warm_ended_median_s": statistics.median(ended for _, ended in measured),
        "warm_ended_max_s": max(ended for _, ended in measured),
    }
    for name, value in figures.items():
        typer.echo(f"{name:<26}{value:>10.3f}")
    record("rollback", figures)


def _measure(topology: Topology, team: Team) -> tuple[float, float]:
    """Seconds from the call until the traffic is back, and until the rollback has ended."""
    topology.lift_holds()
    released = topology.wait_for(topology.ask(team), "succeeded")
    (rollout,) = released["rollouts"]
    begun = time.perf_counter()
    back = topology.ask_api("POST", f"/v1/targets/{rollout['target']}/rollback", {"reason": "To measure it."})
    new = {"", rollout["deployment"]}
    wait_until(lambda: _serves(topology, team) not in new, what="the traffic is back", every=0.05)
    seen = time.perf_counter() - begun
    _wait_until_over(topology, back["id"])
    return seen, time.perf_counter() - begun


def _serves(topology: Topology, team: Team) -> str:
    """The deployment that has all of the traffic in force; empty while none has."""
    endpoint = topology.azure(f"workspaces/ws-dev/onlineEndpoints/{team.model}-dev")["properties"]
    live = [name for name, share in endpoint["traffic"].items() if share]
    return live[0] if endpoint["provisioningState"] == "Succeeded" and len(live) == 1 else ""


def _wait_until_over(topology: Topology, release: str) -> None:
    def over() -> Json | None:
        seen = topology.release(release)
        assert seen["status"] not in {"failed", "cancelled", "superseded"}, seen["sentence"]
        return seen if seen["status"] == "succeeded" else None

    wait_until(over, what=f"{release} has succeeded", every=0.01)


if __name__ == "__main__":
    typer.run(main)
