"""Carrying rows out: the faults are set, a release is asked for, and what became of it is looked at."""

import itertools
import re
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.releases.states import Status
from tests.faults.rows import Json, Row
from tests.topology import PROVIDER, Team, Topology
from tests.waiting import wait_until

SIDE_BY_SIDE = 5  # releases: more of them on one worker only wait for each other
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Seen:
    """What one release came to, struck by one or several rows' faults."""

    team: Team
    release: Json
    events: list[Any]
    requests: list[Json]
    left: str
    seconds: float

    def step(self, row: Row) -> Json:
        """The struck step as it ended; preparing is told as a step of that shape."""
        if row.step == "resolve_content":
            tries = [event for event in self.events if event.kind == "release.pending"]
            planned = any(event.kind == "release.planned" for event in self.events)
            status = "succeeded" if planned else "errored"
            return {
                "status": status,
                "code": "" if planned else self.release["code"],
                "sentence": self.release["sentence"],
                "attempts": len(tries) + 1,
            }
        found: Json = next(
            step
            for rollout in self.release["rollouts"]
            for step in rollout["steps"]
            if step["kind"] == row.step and step["status"] != "pending"
        )
        return found

    def shortest_wait(self, row: Row) -> float:
        """Seconds from an answer that the row's fault gave to the next such request; 0 when there was none."""
        struck = [each for each in self.requests if self.matches(row, each)]
        gaps = [
            later["time"] - earlier["time"]  # both are told at their answer
            for earlier, later in itertools.pairwise(struck)
            if earlier["status"] == row.fault.strikes.get("status")
        ]
        return min(gaps, default=0.0)

    def matches(self, row: Row, request: Json) -> bool:
        path = f"{request['path']}?{request['query']}" if request["query"] else request["path"]
        wanted = fill(row.target.path, self.team)
        return bool(re.fullmatch(row.target.method, request["method"]) and re.search(wanted, path))


class Carrier:
    """Carries releases out side by side in one topology; each row can then ask what its own came to."""

    def __init__(self, topology: Topology, rows: Sequence[Row]) -> None:
        self._topology = topology
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        self._releases: dict[str, list[Row]] = {}
        for row in rows:
            self._releases.setdefault(row.release or row.id, []).append(row)
        self._environments = _environments(self._releases)
        self._futures: dict[str, Future[Seen]] = {}
        names = list(self._releases)
        # The longest first.
        for name in sorted(names, key=lambda each: -len(self._releases[each])):
            if not self._releases[name][0].alone:
                self._futures[name] = self._pool.submit(self._carry_out, names.index(name), name)

    def seen(self, row: Row) -> Seen:
        name = row.release or row.id
        if name not in self._futures:  # it strikes whoever comes: everybody else first
            for future in self._futures.values():
                future.exception()
            number = list(self._releases).index(name)
            self._futures[name] = self._pool.submit(self._carry_out, number, name)
        return self._futures[name].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _carry_out(self, number: int, name: str) -> Seen:
        topology, rows, begun = self._topology, self._releases[name], time.monotonic()
        team = topology.new_team(
            f"fault-{number}",
            stages=("dev", "prod") if _reach_prod(rows) else ("dev",),
            environment=self._environments[name],
            timeouts={step: minutes for row in rows for step, minutes in row.minutes.items()},
            bundle=lambda folder: _name_code(folder, f"fault-{number}"),
        )
        for _ in range(max(row.earlier for row in rows)):
            topology.wait_for(topology.ask(team), "succeeded", seconds=PATIENCE_SECONDS)
        skip = len(topology.requests())
        for row in rows:
            strike(topology, team, row)
        release = topology.ask(team)
        ended = wait_until(
            lambda: _ended(topology, release), what=f"{release} has ended", seconds=PATIENCE_SECONDS, every=0.2
        )
        return Seen(
            team=team,
            release=ended,
            events=topology.events(release),
            requests=topology.requests(skip=skip),
            left=left_in_azure(topology, team),
            seconds=time.monotonic() - begun,
        )


def count_environments(rows: Sequence[Row]) -> int:
    """How many the training job's folder must register for these rows."""
    releases: dict[str, list[Row]] = {}
    for row in rows:
        releases.setdefault(row.release or row.id, []).append(row)
    return len({*_environments(releases).values(), "team-env"})


def _environments(releases: dict[str, list[Row]]) -> dict[str, str]:
    """One of its own where it is struck or shared, by release; elsewhere the first."""
    chosen, next_one = {}, 2
    for name, rows in releases.items():
        own = _reach_prod(rows) or any("{e}" in row.target.path for row in rows)
        chosen[name] = f"team-env-{next_one}" if own else "team-env"
        next_one += own
    return chosen


def _reach_prod(rows: list[Row]) -> bool:
    return any("cop" in row.left for row in rows)


def strike(topology: Topology, team: Team, row: Row) -> None:
    """Set a row's fault."""
    target = row.target
    if target.operation:
        resource = fill(target.resource, team)
        topology.break_operation(target.operation, resource=resource, **row.fault.strikes)
    else:
        path = fill(target.path, team)
        topology.break_request(path, method=target.method, skip=target.skip, **row.fault.strikes)


def fill(pattern: str, team: Team) -> str:
    return pattern.replace("{m}", team.model).replace("{e}", team.environment)


def left_in_azure(topology: Topology, team: Team) -> str:
    """What there is of a team's in Azure, at the last of its stages, in words."""
    stage = team.stages[-1]
    words = []
    versions = _names(topology, f"workspaces/ws-dev/models/{team.model}/versions")
    if versions:
        words.append(_counted(len(versions), "version"))
    if stage == "prod":
        copies = _names(topology, f"registries/reg-shared/models/{team.model}/versions")
        words.append(_counted(len(copies), "copy", "copies") if copies else "no copy")
    path = f"workspaces/ws-{stage}/onlineEndpoints/{team.model}-{stage}"
    endpoint = _look(topology, path)
    if endpoint is not None:
        state = endpoint["properties"]["provisioningState"]
        words.append("1 endpoint" + ("" if state == "Succeeded" else f" ({state.lower()})"))
        deployments = _look(topology, f"{path}/deployments")
        assert deployments is not None, f"{path} went while it was looked at"
        words += _deployments(
            deployments["value"], serving=_answers(topology, path, endpoint["properties"]["scoringUri"])
        )
    return ", ".join(words) or "nothing"


def _deployments(there: list[Json], *, serving: bool) -> list[str]:
    if not there:
        return []
    if serving:
        return ["1 deployment that serves" if len(there) == 1 else f"{len(there)} deployments, of which one serves"]
    states = ", ".join(each["properties"]["provisioningState"].lower() for each in there)
    return [f"{_counted(len(there), 'deployment')} ({states}) without traffic"]


def _answers(topology: Topology, endpoint: str, uri: str | None) -> bool:
    """Whether callers get answers: what is shown of an endpoint's traffic may be what it was only asked for."""
    if uri is None:
        return False
    key = topology.azure(f"{endpoint}/listKeys", method="POST")["primaryKey"]
    return topology.score(uri, key=key, request={"data": [1]}).is_success


def _name_code(folder: Path, model: str) -> None:
    """Give the code's folder the model's name: it is all that an upload's address tells of whose it is."""
    (folder / "src").rename(folder / f"src-{model}")
    deployment = folder / "deployment.yml"
    deployment.write_text(deployment.read_text().replace("./src", f"./src-{model}"))


def _ended(topology: Topology, release: str) -> Json | None:
    seen = topology.release(release)
    return seen if Status(seen["status"]).is_final else None


def _names(topology: Topology, listing: str) -> list[str]:
    found = _look(topology, listing)
    return [] if found is None else [each["name"] for each in found["value"]]


def _look(topology: Topology, path: str) -> Json | None:
    try:
        return topology.azure(_whole(path))
    except httpx.HTTPStatusError as refused:
        if refused.response.status_code != 404:
            raise
        return None


def _whole(path: str) -> str:
    return f"/mferp/managementfrontend{PROVIDER}/{path}" if path.startswith("registries/") else path


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
