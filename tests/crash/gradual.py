"""Gradual traffic under kills: a shadow that becomes a canary, one that people abort, and one that an analysis takes back.

Beside what must hold after every kill: the shares sum to 100 at any moment, split traffic never stays where its release has ended, and of
a bake as much has passed after a kill as before.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import Session, select

from app.releases.queries import steps_of
from app.releases.tables import Release
from app.steps.analysis_window import Window
from tests.crash import points as at
from tests.crash.invariants import in_order
from tests.crash.killing import Kill, Planned, Victim, carry_out
from tests.crash.points import HOLD_SECONDS, Point, Scene, slow_down
from tests.topology import Topology
from tests.waiting import wait_until

_BAKE = timedelta(minutes=1)
_LONGEST = 300.0  # seconds: of a bake, its probes and what kills take
_LOOK_SECONDS = 0.2
_ANALYSIS: Mapping[str, Any] = {"warm_up_minutes": 0, "errors": {"margin": 5}, "latency": None}
_SHADOW = {
    "strategy": "shadow",
    "mirror": {"percent": 20, "bake": "1m"},
    "steps": [{"weight": 10, "bake": "1m"}, {"weight": 50, "bake": "1m"}],
    "analysis": _ANALYSIS,
}
_CANARY = {"strategy": "canary", "steps": [{"weight": 10, "bake": "1m"}], "analysis": _ANALYSIS}
# Answers its golden requests, and then no longer.
_TIRING = """
import json, os, pathlib

def init():
    global factor, asked
    found = sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json"))
    factor, asked = json.loads(found[0].read_text()), 0

def run(raw_data):
    global asked
    asked += 1
    if asked > 10:
        raise RuntimeError("out of memory")
    return {"predictions": [factor * x for x in json.loads(raw_data)["data"]]}
"""


@dataclass
class Story:
    """One endpoint, and the releases that come there one after the other."""

    topology: Topology
    model: str
    kills: list[Kill] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: str | None = None  # why a release did not come to its end
    last: Planned | None = None  # kill that was planned
    _begins: dict[str, datetime] = field(default_factory=dict)  # of each analysis

    def carry_out(self) -> None:
        """Raises AssertionError where a release does not come to its end."""
        first = self._begin({"strategy": "all_at_once"})
        serves = self._ends(first, "succeeded", serves="its own")
        serves = self._ends(self._shadow(), "succeeded", serves="its own")
        self._ends(self._aborted(), "rolled_back", serves=serves)
        self.topology.lift_holds()
        self._ends(self._taken_back(), "rolled_back", serves=serves)

    def _shadow(self) -> Scene:
        scene = self._begin(_SHADOW)
        self._kill_at(scene, "worker", at.in_change("mirror_traffic:20"), _after("mirror_traffic:20"))
        self._kill_at(scene, "worker", at.baking("analyse:mirror"), meanwhile="extend")
        self._answer(scene, "analyse:mirror", "advance")
        self._kill_at(scene, "api", at.answered("analyse:mirror", "advance"))
        self._kill_at(scene, "worker", _after("shift_traffic:10"))
        self._answer(scene, "analyse:10", "advance")
        self._kill_at(scene, "worker", at.answered("analyse:10", "advance"))
        self._kill_at(scene, "worker", at.in_change("shift_traffic:50"))
        self._bake(scene, "analyse:50")
        self._kill_at(scene, "worker", at.in_change("shift_traffic:100"))
        return scene

    def _aborted(self) -> Scene:
        scene = self._begin(_CANARY)
        self._kill_at(scene, "emulator", at.in_change("shift_traffic:10"))
        self._answer(scene, "analyse:10", "abort")
        self._kill_at(scene, "worker", at.aborted())
        self._kill_at(scene, "emulator", at.in_change("restore_traffic"))
        return scene

    def _taken_back(self) -> Scene:
        scene = self._begin(_CANARY, score=_TIRING)
        self._bake(scene, "analyse:10")
        self._kill_at(scene, "worker", at.in_change("restore_traffic"))
        return scene

    def _bake(self, scene: Scene, key: str) -> None:
        """To its end, under kills: in mid-bake, and while golden requests are sent, since nobody calls."""
        self._kill_at(scene, "worker", at.baking(key))
        self._kill_at(scene, "emulator", at.baking(key))
        probing = at.in_probes(key)
        assert probing.fault is not None
        self.topology.break_request(**probing.fault(scene.team), delay=HOLD_SECONDS)  # a killed emulator forgets it
        self._kill_at(scene, "worker", probing)

    def _begin(self, traffic: Mapping[str, Any], *, score: str | None = None) -> Scene:
        def write(folder: Path) -> None:
            written = json.loads((folder / "release.yml").read_text())
            written["stages"][0]["traffic"] = traffic
            (folder / "release.yml").write_text(json.dumps(written))
            if score is not None:
                (folder / "src" / "score.py").write_text(score)

        team = self.topology.new_team(self.model, stages=("dev",), bundle=write)
        slow_down(self.topology, team, [])
        self._begins = {}
        return Scene(self.topology, team, self.topology.ask(team))

    def _kill_at(self, scene: Scene, victim: Victim, *points: Point, meanwhile: str | None = None) -> None:
        """``meanwhile``: what a person says while the worker is dead. What is over before it was reached is left out."""
        says = None if meanwhile is None else partial(self._say, scene, meanwhile)
        for point in points:
            self.last = Planned(victim, point)
            self.kills += carry_out(scene, [self.last], meanwhile=says, seconds=_LONGEST)
            self._compare_begins(scene)

    def _answer(self, scene: Scene, key: str, answer: str) -> None:
        """As soon as it bakes."""
        wait_until(lambda: at.baking(key).reached(scene), what=f"{scene.release} bakes in {key}", seconds=_LONGEST)
        self._compare_begins(scene)
        self._say(scene, answer)

    def _say(self, scene: Scene, answer: str) -> None:
        self.topology.ask_api("POST", f"/v1/releases/{scene.release}/{answer}", {"reason": "Callers complain."})

    def _compare_begins(self, scene: Scene) -> None:
        """No bake begins anew."""
        for step in self.topology.read(lambda session: steps_of(session, f"{scene.release}:dev")):
            if step.key.startswith("analyse:") and step.started_at is not None:
                begun = self._begins.setdefault(step.key, step.started_at)
                if begun != step.started_at:
                    self.wrong.append(f"{step.id} began at {begun}, and again at {step.started_at}")

    def _ends(self, scene: Scene, status: str, *, serves: str) -> str:
        """What serves then: ``its own`` deployment, or the one that is named."""
        self.topology.heal()
        ended = self.topology.wait_for(scene.release, status, seconds=_LONGEST)
        self._compare_begins(scene)
        (rollout,) = ended["rollouts"]
        for step in rollout["steps"]:
            output = step["output"] or {}
            evidence = output.get("analysis", output)
            if step["key"] in self._begins and "accepted" not in evidence and "to" in evidence:
                wanted = Window.of(self._begins[step["key"]], bake=_BAKE, warm_up_minutes=0).until
                if datetime.fromisoformat(evidence["to"]) != wanted:
                    self.wrong.append(f"{step['key']} of {scene.release} baked until {evidence['to']}, not {wanted}")
        name = str(rollout["deployment"]) if serves == "its own" else serves
        self.wrong += in_order(self.topology, scene.team, scene.release, serves=name)
        return name


def _after(key: str) -> Point:
    """Behind a change of the shares: the analysis may wait by then."""
    return replace(at.after(key), is_quiet=True)


@contextmanager
def watching_shares(topology: Topology, model: str, wrong: list[str]) -> Iterator[None]:
    """Note every moment at which the endpoint's shares do not sum to 100, or are split though no release is at it."""
    over, seen = threading.Event(), []

    def look() -> None:
        owners = topology.read(
            partial(_unfinished, model=model)
        )  # first: whoever ends puts the traffic right before that
        shares = _shares(topology, f"workspaces/ws-dev/onlineEndpoints/{model}-dev")
        if shares is None:
            return
        seen.append(shares)
        if shares and sum(shares.values()) != 100:
            wrong.append(f"{model} has traffic {shares}")
        if len(shares) > 1 and not owners:
            wrong.append(f"{model} has traffic {shares}, and no release is at it")

    def go_on_looking() -> None:
        while not over.wait(_LOOK_SECONDS):
            look()

    watcher = threading.Thread(target=go_on_looking, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(60)
    assert any(len(each) > 1 for each in seen), "split traffic was seen"


def _shares(topology: Topology, endpoint: str) -> dict[str, int] | None:
    """None: there is none yet, or the emulator is just being killed."""
    try:
        traffic = topology.azure(endpoint)["properties"]["traffic"]
    except (httpx.TransportError, httpx.HTTPStatusError):
        return None
    return {name: share for name, share in traffic.items() if share}


def _unfinished(session: Session, *, model: str) -> list[str]:
    return [
        each.id
        for each in session.exec(select(Release).where(Release.model == model)).all()
        if not each.status.is_final
    ]
