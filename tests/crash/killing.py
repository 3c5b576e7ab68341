"""Kill a process at a point of a release, see that another goes on, and measure how long that took."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.crash.points import Point, Scene
from tests.topology import Topology
from tests.waiting import LOOK_SECONDS, PATIENCE_SECONDS, wait_until

Victim = Literal["worker", "api", "emulator"]


@dataclass(frozen=True)
class Kill:
    """``takeover_seconds``: from the kill to the next thing that was done for the release.

    Of an API it is to its next answer, and where a release is quiet, to where the process is up again.
    """

    victim: Victim
    point: str
    takeover_seconds: float


@dataclass(frozen=True)
class Planned:
    victim: Victim
    point: Point


def carry_out(
    scene: Scene,
    kills: list[Planned],
    *,
    done: list[Kill] | None = None,
    meanwhile: Callable[[], None] | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> list[Kill]:
    """Kill at each point that the release comes to; the kills, those that were ``done`` before the test failed too.

    Steps go on side by side: one point may be over before another has been got over. Such a kill is left out. ``meanwhile``: what is
    done while a worker is dead. ``seconds``: until the first point, and from each to the next.
    """
    done = [] if done is None else done
    ahead = list(kills)
    until = time.monotonic() + seconds
    while ahead:
        reached = next((each for each in ahead if each.point.reached(scene) and not each.point.passed(scene)), None)
        if reached is not None:
            done.append(_kill(scene, reached, meanwhile or _nothing))
            ahead.remove(reached)
            until = time.monotonic() + seconds
        ahead = [each for each in ahead if not each.point.passed(scene)]
        assert time.monotonic() < until, f"{scene.release} came to none of {[each.point.name for each in ahead]}"
        time.sleep(LOOK_SECONDS)
    return done


def _nothing() -> None:
    return


def _kill(scene: Scene, planned: Planned, meanwhile: Callable[[], None]) -> Kill:
    topology = scene.topology
    match planned.victim:
        case "worker":
            seconds = _kill_worker(scene, planned.point, meanwhile)
        case "api":
            seconds = _kill_api(topology)
        case "emulator":
            seconds = _kill_emulator(scene, planned.point)
    return Kill(planned.victim, planned.point.name, seconds)


def _kill_worker(scene: Scene, point: Point, meanwhile: Callable[[], None]) -> float:
    """Over SQLite it is started again; over PostgreSQL another one has been there all along."""
    topology, release = scene.topology, scene.release
    topology.kill(topology.driver_of(release))
    begun = time.monotonic()
    meanwhile()
    seen = topology.revision_of(release)
    topology.start_worker(wait=topology.is_sqlite)
    _wait_for_progress(scene, point, seen)
    seconds = time.monotonic() - begun
    for worker in topology.workers:
        topology.wait_until_ready(worker)
    return seconds


def _kill_api(topology: Topology) -> float:
    """The first replica. Where there is a second one, it answers meanwhile."""
    topology.kill(topology.api_programs[0])
    begun = time.monotonic()
    if len(topology.api_programs) == 1:
        topology.api_programs[0] = topology.start_api(0)
        return time.monotonic() - begun
    wait_until(lambda: topology.answers(1), what="the other API answers")
    seconds = time.monotonic() - begun
    topology.api_programs[0] = topology.start_api(0)
    return seconds


def _kill_emulator(scene: Scene, point: Point) -> float:
    topology, release = scene.topology, scene.release
    topology.kill(topology.emulator)
    begun, seen = time.monotonic(), topology.revision_of(release)
    topology.start_emulator()
    _wait_for_progress(scene, point, seen)
    return time.monotonic() - begun


def _wait_for_progress(scene: Scene, point: Point, seen: int) -> None:
    """Until a revision after ``seen``, or the point is passed: a takeover may be over before the revision could be read."""
    if point.is_quiet:
        return
    wait_until(
        lambda: scene.topology.revision_of(scene.release) > seen or point.passed(scene),
        what=f"somebody goes on with {scene.release}",
        seconds=PATIENCE_SECONDS,
        every=0.01,
    )
