"""Many releases over many targets through three workers, one of which is killed every few seconds.

``MLRELEASE_SOAK`` sets how many releases, 200 without it.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.events.tables import Event
from app.releases.queries import list_releases
from app.releases.states import Status
from app.releases.tables import Release
from tests.crash.invariants import count_chain
from tests.postgresql import running_postgresql
from tests.topology import Team, Topology
from tests.waiting import PATIENCE_SECONDS

RELEASES = int(os.environ.get("MLRELEASE_SOAK", "200"))
TARGETS = 20
WORKERS = 3
KILL_EVERY = 5.0  # seconds
IMPATIENCE = 0.01  # how often a team asks again although its last release still waits

Json = dict[str, Any]


@pytest.mark.slow
def test_releases_end_as_they_should_while_workers_are_killed(tmp_path: Path) -> None:
    with (
        running_postgresql() as server,
        Topology(tmp_path, server.new_database("soak"), lease_seconds=3.0) as topology,
    ):
        for _ in range(WORKERS):
            topology.start_worker()
        teams = [topology.new_team(f"soak-{number}", stages=("dev",)) for number in range(min(TARGETS, RELEASES))]
        topology.train(teams[0])
        begun = time.monotonic()
        kills = _release_under_fire(topology, teams)
        seconds = time.monotonic() - begun
        for worker in topology.workers:  # from now on nothing is written: the last one lost may only now be told of
            topology.kill(worker)

        releases = _all(topology)
        events = topology.events()
        print(f"\n{len(releases)} releases, {kills} kills, {seconds:.0f} s: {_counted(releases)}")  # noqa: T201 - the figure is wanted
        assert len(releases) == RELEASES
        assert _badly_ended(releases) == []
        assert _steps_done_twice(events) == []
        assert _overlaps(events) == []
        assert _out_of_order(events) == []
        assert count_chain(topology) == len(events)
        assert _not_serving(topology, releases) == []


def _release_under_fire(topology: Topology, teams: Sequence[Team]) -> int:
    """Ask for all releases, kill meanwhile, wait for the ends; how many workers were killed."""
    chance = random.Random(7)  # noqa: S311 - a repeatable course of events
    asked: list[str] = []
    last: dict[str, str] = {}
    kills, next_kill, until = 0, time.monotonic() + KILL_EVERY, time.monotonic() + 30 * RELEASES + PATIENCE_SECONDS
    while len(asked) < RELEASES or not all(release.status.is_final for release in _all(topology)):
        statuses = {release.id: release.status for release in _all(topology)}
        for team in chance.sample(list(teams), len(teams)):
            waits = team.model in last and statuses[last[team.model]].is_waiting
            if len(asked) < RELEASES and (not waits or chance.random() < IMPATIENCE):
                last[team.model] = topology.ask(team)
                asked.append(last[team.model])
        # Killed faster than they begin, as on a busy machine, nobody would get anything done in the time that a step has.
        if time.monotonic() >= next_kill and all(worker.ready.exists() for worker in topology.workers):
            topology.kill(chance.choice(topology.workers))
            topology.start_worker(wait=False)
            kills, next_kill = kills + 1, time.monotonic() + chance.uniform(0.5, 1.5) * KILL_EVERY
        assert time.monotonic() < until, f"not over: {_counted(_all(topology))}"
        time.sleep(0.5)  # between two looks
    return kills


def _all(topology: Topology) -> list[Release]:
    releases: list[Release] = topology.read(lambda session: list_releases(session, limit=10_000))
    return releases


def _counted(releases: Sequence[Release]) -> Json:
    counted: dict[str, int] = defaultdict(int)
    for release in releases:
        counted[release.status.value] += 1
    return dict(counted)


def _badly_ended(releases: Sequence[Release]) -> list[str]:
    """Neither succeeded, nor superseded by a newer one of the model that succeeded or was superseded in its turn."""
    by_id = {release.id: release for release in releases}
    wrong = []
    for release in releases:
        if release.status is Status.SUCCEEDED:
            continue
        newer = by_id.get(release.sentence.rpartition("Superseded by ")[2].removesuffix("."))
        fine = release.status is Status.SUPERSEDED and newer is not None and newer.number > release.number
        if not fine:
            wrong.append(f"{release.id} is {release.status.value}: {release.sentence}")
    newest = {release.model: release for release in sorted(releases, key=lambda each: each.number)}
    return wrong + [
        f"{each.id} is the newest and {each.status.value}"
        for each in newest.values()
        if each.status is not Status.SUCCEEDED
    ]


def _steps_done_twice(events: Sequence[Event]) -> list[str]:
    seen: set[str] = set()
    wrong = []
    for event in events:
        if event.kind == "step.succeeded":
            wrong += [event.subject] if event.subject in seen else []
            seen.add(event.subject)
    return wrong


def _overlaps(events: Sequence[Event]) -> list[str]:
    """A rollout that began at a target while another one was under way there."""
    at: dict[str, str] = {}
    wrong = []
    for event in events:
        if not event.kind.startswith("rollout.") or event.model is None:
            continue
        if event.kind == "rollout.in_progress":
            if event.model in at:
                wrong.append(f"{event.subject} began while {at[event.model]} was under way")
            at[event.model] = event.subject
        elif at.get(event.model) == event.subject:
            del at[event.model]
    return wrong


def _out_of_order(events: Sequence[Event]) -> list[str]:
    """A rollout that began before one that was queued earlier at the same target."""
    queued: dict[str, list[str]] = defaultdict(list)
    wrong = []
    for event in events:
        line = queued[event.model or ""]
        if event.kind == "rollout.queued":
            line.append(event.subject)
        elif event.kind == "rollout.superseded" and event.subject in line:
            line.remove(event.subject)
        elif event.kind == "rollout.in_progress":
            if line[0] != event.subject:
                wrong.append(f"{event.subject} began before {line[0]}")
            line.remove(event.subject)
    return wrong


def _not_serving(topology: Topology, releases: Sequence[Release]) -> list[str]:
    """Endpoints whose traffic is not all at the newest release's deployment."""
    newest = {release.model: release for release in sorted(releases, key=lambda each: each.number)}
    wrong = []
    for model, release in newest.items():
        deployment = f"r{release.number}-{release.mark}"
        traffic = topology.azure(f"workspaces/ws-dev/onlineEndpoints/{model}-dev")["properties"]["traffic"]
        if {name: share for name, share in traffic.items() if share} != {deployment: 100}:
            wrong.append(f"{model}-dev: {traffic}, not {deployment}")
    return wrong
