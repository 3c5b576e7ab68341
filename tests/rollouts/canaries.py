"""Canaries at endpoints that callers use: each row has a team of its own, and all go on side by side, since bakes take whole minutes."""

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bundles.pack import pack
from tests.azureml.team import write_bundle
from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of, steps_of
from tests.rollouts.rows import Row
from tests.rollouts.steady_callers import Callers, calling_steadily
from tests.waiting import wait_until

PER_SECOND = 8  # requests of the callers of one endpoint
_LONGEST = 600.0  # seconds until a canary has ended
_EVERY = 1.0  # second: many rows look at one service
_SCORE = """
import json, os, pathlib, time

def init():
    global factor, asked
    found = sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json"))
    factor, asked = json.loads(found[0].read_text()), 0

def run(raw_data):
    global asked
    data, asked = json.loads(raw_data)["data"], asked + 1
    {does}
    return {{"predictions": [factor * x for x in data]}}
"""
SHARE = 25  # percent of the traffic that a canary gets
CANARY = {"strategy": "canary", "steps": [{"weight": SHARE, "bake": "2m"}]}
SHORT = {"strategy": "canary", "steps": [{"weight": SHARE, "bake": "1m"}]}
_GOES_BACK = ("what served before", "on hold")
_COLUMNS = ("the release", "serves afterwards", "afterwards", "callers' failed requests")


@dataclass(frozen=True)
class Says:
    """A definition. ``does``: what its score code does beside multiplying. ``golden`` None: what multiplying by ``factor`` gives."""

    does: str = "pass"
    factor: float = 3
    golden: Sequence[Json] | None = None
    replay: Json | None = None
    traffic: Mapping[str, Any] = field(default_factory=lambda: CANARY)
    analysis: Mapping[str, Any] | None = None  # beside what all have


class Canaries:
    """One team for each row: its first release serves, and its second one is a canary."""

    def __init__(self, service: Running, folder: Path) -> None:
        self.service, self.azure, self.folder = service, service.azure, folder
        self.worker = threading.Lock()  # of whoever ends the worker that all of them share
        teacher = Team(service, folder / "training")
        teacher.apply()
        self._job = teacher.train()  # one model for all: they differ in what is around it

    def stand(self, says: Says | None = None) -> Team:
        """A team whose release serves, by this code."""
        team = Team(self.service, self.folder / uuid.uuid4().hex[:6])
        self.define(team, says or Says())
        first = self.ended(team.ask(self._job)["id"])
        assert first["status"] == "succeeded", first["sentence"]
        return team

    def define(self, team: Team, says: Says) -> None:
        folder = write_bundle(team._new_folder("definition"), factor=says.factor, score=_SCORE.format(does=says.does))
        if says.golden is not None:
            (folder / "golden.json").write_text(json.dumps(says.golden))
        analysis = {"warm_up_minutes": 0, "errors": {"margin": 5}, "latency": None, **(says.analysis or {})}
        stage = {"name": "dev", "workspace": "ws-dev", "resource_group": "rg-ml", "key_vault": "kv-dev"}
        written = {
            "model": {"name": team.name, "file": "factor.json"},
            "environment": "azureml:team-env@latest",
            "checks": {"golden": "golden.json", **({"replay": says.replay} if says.replay else {})},
            "stages": [{**stage, "endpoint": team.dev, "traffic": {**says.traffic, "analysis": analysis}}],
        }
        (folder / "release.yml").write_text(json.dumps(written, indent=2))  # JSON is YAML
        team.apply(pack(folder))

    def ask(self, team: Team, says: Says | None = None) -> str:
        """The id of the second release."""
        self.define(team, says or Says())
        release: str = team.ask(self._job)["id"]
        return release

    def begin(self, team: Team, says: Says | None = None) -> str:
        """The second release, as soon as it has a share of the traffic."""
        release = self.ask(team, says)
        self._until(release, _has_a_share, what="has a share")
        return release

    def ended(self, release: str) -> Json:
        """As it is once it has ended."""
        ends = {"succeeded", "failed", "rolled_back", "cancelled"}
        return self._until(release, lambda found: found["status"] in ends, what="has ended")

    def until_asks(self, release: str, code: str) -> None:
        self._until(release, lambda found: bool(found["code"] == code), what="asks")

    def _until(self, release: str, condition: Callable[[Json], bool], *, what: str) -> Json:
        """The release once that is so."""
        found: Json = {}

        def look() -> bool:
            found.update(self.service.release(release))
            return condition(found)

        wait_until(look, seconds=_LONGEST, what=f"{release} {what}", every=_EVERY)
        return found

    def answer(self, release: str, how: str, reason: str = "Callers complain.") -> None:
        self.service.post(f"/v1/releases/{release}/{how}", {"reason": reason})

    def shares(self, team: Team) -> dict[str, int]:
        """Of the deployments that have traffic."""
        return self.azure.traffic("ws-dev", team.dev)

    def calling(self, team: Team, *, per_second: float = PER_SECOND) -> AbstractContextManager[Callers]:
        return calling_steadily(self.azure, team.dev, per_second=per_second)

    def measured(self, team: Team, release: Json, *, callers: str = "—") -> Mapping[str, str]:
        """What became of it: by the release, and by Azure."""
        held = [hold for hold in self.service.get("/v1/freezes", model=team.name)["items"] if hold["target"]]
        return {
            "the release": f"{release['status']}: {release['code']}",
            "serves afterwards": self._serves(team, new_of(release)),
            "afterwards": "on hold" if held else "no hold",
            "callers' failed requests": callers,
        }

    def _serves(self, team: Team, new: str) -> str:
        if self.azure.endpoint("ws-dev", team.dev) is None:
            return "nothing"
        serving = self.shares(team)
        if sum(serving.values()) != 100:
            return str(serving)
        return "the new one" if serving == {new: 100} else "what served before" if new not in serving else "both"


def _has_a_share(release: Json) -> bool:
    assert release["status"] not in {"failed", "rolled_back"}, release["sentence"]
    moved = steps_of(release, "dev").get(f"shift_traffic:{SHARE}") if release["rollouts"] else None
    return moved is not None and moved["status"] == "succeeded"


def new_of(release: Json) -> str:
    """The name of the deployment that it brought."""
    return str(rollout_of(release, "dev")["deployment"])


def ends(
    happens: str,
    carry_out: Callable[[Canaries], Mapping[str, str]],
    release: str,
    serves: str,
    afterwards: str,
    callers: str = "—",
) -> Row[Canaries]:
    """A row that ends so."""
    return Row(happens, carry_out, dict(zip(_COLUMNS, (release, serves, afterwards, callers), strict=True)))


def goes_on(happens: str, carry_out: Callable[[Canaries], Mapping[str, str]], *, callers: str = "—") -> Row[Canaries]:
    """A row in which the new one gets all of the traffic."""
    return ends(happens, carry_out, "succeeded: released", "the new one", "no hold", callers)


def goes_back(
    happens: str, carry_out: Callable[[Canaries], Mapping[str, str]], *, why: str, callers: str = "—"
) -> Row[Canaries]:
    """A row in which what served before has the traffic again."""
    return ends(happens, carry_out, f"rolled_back: {why}", *_GOES_BACK, callers)
