"""Kill everything everywhere, count what was lost or done twice: ``python -m tests.crash.chaos [ROUNDS]``.

Prints the matrix and writes it to ``.mlrelease/chaos.json``. Each round is three releases of a new model over SQLite and over
PostgreSQL, and a revert, an adoption and a rollback in dev; the second and third release let the endpoint's older deployments be retired.
Afterwards gradual traffic, over both side by side: its bakes take whole minutes in which nothing else goes on.
"""

import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import httpx

from app.errors import MlreleaseError
from tests.crash import points as at
from tests.crash.gradual import Story, watching_shares
from tests.crash.invariants import count_chain, twice
from tests.crash.killing import Kill, Planned, Victim, carry_out
from tests.crash.points import Point, Scene, slow_down
from tests.postgresql import running_postgresql
from tests.topology import Topology
from tests.waiting_steps import WAITS_IN

REPORT = Path(".mlrelease/chaos.json")
ROUNDS = 4
ALONE: dict[int, Victim] = {2: "api", 3: "emulator"}  # rounds in which nobody else is killed, at every point
LEASE_SECONDS = 3.0
DATABASES = ("postgresql", "sqlite")


@dataclass
class Cell:
    """One line of the matrix."""

    point: str
    database: str
    kills: int = 0
    lost: int = 0
    duplicated: int = 0
    takeovers: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        shown = {name: value for name, value in asdict(self).items() if name != "takeovers"}
        return {
            **shown,
            "takeover_median_s": round(statistics.median(self.takeovers), 2) if self.takeovers else None,
            "takeover_max_s": round(max(self.takeovers), 2) if self.takeovers else None,
        }


@dataclass
class Matrix:
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, database: str, kills: list[Kill]) -> None:
        for kill in kills:
            cell = self._cell(kill.victim, kill.point, database)
            cell.kills += 1
            cell.takeovers.append(kill.takeover_seconds)

    def note_lost(self, database: str, last: Planned, why: str) -> None:
        """A release that did not come to its good end, under the kill after which it was lost."""
        self._cell(last.victim, last.point.name, database).lost += 1
        self.wrong.append(why)

    def note_twice(self, database: str, last: Planned, what: list[str]) -> None:
        self._cell(last.victim, last.point.name, database).duplicated += len(what)
        self.wrong += what

    def _cell(self, victim: str, point: str, database: str) -> Cell:
        name = f"{victim}: {point}"
        return self.cells.setdefault((name, database), Cell(name, database))

    @property
    def kills(self) -> int:
        return sum(cell.kills for cell in self.cells.values())

    def table(self) -> str:
        rows = [cell.as_json() for cell in self.cells.values()]
        lines = [
            f"{'kill point':42} {'database':11} {'kills':>5} {'lost':>5} {'twice':>5} {'median s':>9} {'max s':>7}",
            *(
                f"{row['point']!s:42} {row['database']!s:11} {row['kills']!s:>5} {row['lost']!s:>5} {row['duplicated']!s:>5}"
                f" {row['takeover_median_s']!s:>9} {row['takeover_max_s']!s:>7}"
                for row in rows
            ),
        ]
        return "\n".join(lines)

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        document = {"matrix": [cell.as_json() for cell in self.cells.values()], "wrong": self.wrong}
        file.write_text(json.dumps(document, indent=2) + "\n")


def releases_of_a_round(number: int) -> list[list[Planned]]:
    """What is killed in the first, second and third release, and in the revert, the adoption and the rollback behind them.

    Two rounds change about who the victim is where both make sense, and one round each has the API and Azure at every point.
    """
    other: Victim = "emulator" if number % 2 else "worker"
    one: Victim = "worker" if number % 2 else "emulator"
    first = [
        *_by("worker", at.asked(), at.queued()),
        *_by(one, at.in_register()),
        *_by("worker", at.after("register_model")),
        *_by(other, at.in_create_endpoint()),
        *_by("worker", at.after("create_endpoint")),
        *_by(one, at.in_create_deployment()),
        *_by("worker", at.after("create_deployment")),
        *_by(other, at.in_verify()),
        *_by("worker", at.after("verify_deployment")),
        *_by(one, at.in_shift()),
        *_by("worker", at.after("shift_traffic")),
        *_by(other, at.in_publish()),
        *_by("worker", at.after("publish_secrets"), at.after("retire_deployments"), at.waiting(), at.between_stages()),
        *_by(other, at.in_share_model()),
        *_by("worker", at.in_share_environment() if other == "emulator" else at.after("share_environment", "prod")),
        *_by("worker", at.after("share_model", "prod")),
        *_by(other, at.in_create_deployment("prod")),
        *_by("worker", at.after("verify_deployment", "prod")),
        *_by(one, at.in_shift("prod")),
    ]
    second = [
        *_by("api", at.asked()),
        *_by(other, at.in_create_deployment()),
        *_by("api", at.after("create_deployment")),
        *_by(one, at.in_verify()),
        *_by(other, at.in_shift()),
        *_by("api", at.in_shift(), at.between_stages()),
        *_by(one, at.in_publish("prod")),
        *_by("worker", at.waiting("prod")),
    ]
    third = [
        *_by(one, at.in_prepare()),
        *_by(one, at.in_retire()),
        *_by("worker", at.after("retire_deployments")),
        *_by(other, at.in_retire("prod")),
        *_by("api", at.in_retire("prod"), at.waiting("prod")),
    ]
    back = [
        *_by(other, at.in_look_back()),
        *_by("worker", at.queued()),
        *_by(one, at.in_reuse()),
        *_by("worker", at.after("reuse_deployment")),
        *_by(other, at.in_verify()),
        *_by(one, at.in_shift()),
        *_by("worker", at.after("shift_traffic")),
        *_by(other, at.in_publish()),
        *_by("api", at.waiting()),
        *_by("worker", at.waiting()),
    ]
    revert = [
        *_by(one, at.in_look_back()),
        *_by("worker", at.queued()),
        *_by(other, at.in_reuse()),
        *_by(one, at.in_shift()),
        *_by("worker", at.after("shift_traffic"), at.waiting()),
    ]
    adopt = [
        *_by(one, at.in_look_back()),
        *_by("worker", at.queued()),
        *_by(other, at.in_adopt()),
    ]
    alone = ALONE.get(number)
    asked = [first, second, third, revert, adopt, back]
    if alone is None:
        return asked
    return [[replace(each, victim=alone) for each in kills] for kills in asked]


def _by(victim: Victim, *points: Point) -> list[Planned]:
    return [Planned(victim, point) for point in points]


def run(rounds: int, *, folder: Path) -> Matrix:
    matrix = Matrix()
    for database in DATABASES if rounds else ():
        home = folder / database
        with _database(database, folder) as url, _topology(home, url, rounds) as topology:
            for _ in range(1 if topology.is_sqlite else 2):
                topology.start_worker()
            topology.train(topology.new_team("warm-up"))
            for number in range(rounds):
                _round(matrix, topology, number, database)
            _say(f"{database}: {count_chain(topology)} events in an unbroken chain")
    with ThreadPoolExecutor(len(DATABASES)) as pool:
        for told in [pool.submit(_gradually, database, folder / "gradual") for database in DATABASES]:
            database, story = told.result()
            matrix.add(database, story.kills)
            assert story.last is not None, "it had kills"
            if story.lost is not None:
                matrix.note_lost(database, story.last, f"{database}: {story.lost}")
            matrix.note_twice(database, story.last, [f"{database}: {each}" for each in story.wrong])
    return matrix


def _gradually(database: str, folder: Path) -> tuple[str, Story]:
    home = folder / database
    home.mkdir(parents=True)
    begun = time.monotonic()
    with _database(database, home) as url, _topology(home, url, 1) as topology:
        for _ in range(1 if topology.is_sqlite else 2):
            topology.start_worker()
        topology.train(topology.new_team("warm-up"))
        story = Story(topology, "gradual")
        try:
            with watching_shares(topology, story.model, story.wrong):
                story.carry_out()
        except (AssertionError, MlreleaseError, httpx.HTTPError) as lost:
            story.lost = str(lost)
        events = count_chain(topology)
    _say(
        f"{database}: gradual traffic, {len(story.kills)} kills, {time.monotonic() - begun:.0f} s, {events} events in an unbroken "
        f"chain {story.wrong or ''} {f'LOST: {story.lost}' if story.lost else ''}"
    )
    return database, story


def _round(matrix: Matrix, topology: Topology, number: int, database: str) -> None:
    suffix = "" if number == 0 else f"-{number + 1}"
    team = topology.new_team(f"chaos-{number}", environment=f"team-env{suffix}")
    done: list[str] = []
    asks = (topology.ask, topology.ask, topology.ask, topology.revert, topology.adopt, topology.go_back)
    for ask, kills in zip(asks, releases_of_a_round(number), strict=True):
        begun = time.monotonic()
        slow_down(topology, team, [each.point for each in kills])
        scene = Scene(topology, team, ask(team))
        got_over: list[Kill] = []
        try:
            carry_out(scene, kills, done=got_over)
            topology.heal()
            topology.wait_for(scene.release, "succeeded")
        except (AssertionError, MlreleaseError, httpx.HTTPError) as lost:
            matrix.note_lost(database, kills[-1], f"{database}: {lost}")
            topology.heal()
            _say(f"{database}: {scene.release} LOST: {lost}")
            return
        finally:
            matrix.add(database, got_over)
            matrix.write(REPORT)
        done.append(scene.release)
        wrong = twice(topology, team, done)
        matrix.note_twice(database, kills[-1], [f"{database}: {each}" for each in wrong])
        _say(
            f"{database}: {scene.release}, {len(got_over)} of {len(kills)} kills, {time.monotonic() - begun:.0f} s {wrong or ''}"
        )


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/chaos.db"
        return
    with running_postgresql() as server:
        yield server.new_database("chaos")


def _topology(folder: Path, url: str, rounds: int) -> Topology:
    apis = 1 if url.startswith("sqlite") else 2
    return Topology(
        folder,
        url,
        apis=apis,
        lease_seconds=LEASE_SECONDS,
        environments=rounds,
        variables={WAITS_IN: at.WAITING_KIND},
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that every process is ended
    folder = Path(tempfile.mkdtemp(prefix="mlrelease-chaos-"))
    matrix = run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, folder=folder)
    matrix.write(REPORT)
    _say(matrix.table())
    _say(f"{matrix.kills} kills in {(time.monotonic() - begun) / 60:.1f} minutes; written to {REPORT}")
    if matrix.wrong:
        _say(f"What went wrong (logs are in {folder}):")
        for each in matrix.wrong:
            _say(f"  {each}")
        raise SystemExit(1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
