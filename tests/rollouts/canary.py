"""Canaries at an endpoint that callers use: each a team of its own, and all side by side, since their bakes take whole minutes."""

import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.bundles.pack import pack
from tests.azureml.team import write_bundle
from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of
from tests.rollouts.rows import Row, Section
from tests.waiting import wait_until

_PER_SECOND = 8  # requests of the callers of one endpoint
_LONGEST = 600.0  # seconds until a canary has ended
_GOOD = """
import json, os, pathlib, time

def init():
    global factor
    found = sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json"))
    factor = json.loads(found[0].read_text())

def run(raw_data):
    data = json.loads(raw_data)["data"]
    {extra}
    return {{"predictions": [factor * x for x in data]}}
"""
_FAILING = "if data and data[0] % {of} == 7: raise RuntimeError('no such number')"
_SLOW = "time.sleep({seconds})"
_RELEASE = """
model:
  name: {name}
  file: factor.json
environment: azureml:team-env@latest
checks:
  golden: golden.json
stages:
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
    key_vault: kv-dev
    traffic:
      strategy: canary
      steps:
        - {{weight: 25, bake: 2m}}
      analysis:
        warm_up_minutes: 0
        no_data: {no_data}
        errors: {{margin: 5}}
        latency: {latency}
"""


class Callers:
    """Who ask an endpoint all the time, and what became of their requests."""

    def __init__(self) -> None:
        self.answered = self.failed = 0

    @property
    def share(self) -> float:
        return self.failed / max(1, self.failed + self.answered)


class Canaries:
    """One team for each row: its first release serves, and its second one is a canary."""

    def __init__(self, service: Running, folder: Path) -> None:
        self.service, self.azure, self.folder = service, service.azure, folder

    def stand(self, *, extra: str = "pass", **rules: Any) -> Team:
        """A team whose release serves, by this code."""
        team = Team(self.service, self.folder / uuid.uuid4().hex[:6])
        self.define(team, extra=extra, **rules)
        team.release(team.train())
        return team

    def define(
        self, team: Team, *, extra: str = "pass", factor: float = 3, no_data: str = "probe", latency: str = "null"
    ) -> None:
        """``factor``: by which the golden requests are answered."""
        folder = write_bundle(team._new_folder("definition"), factor=factor, score=_GOOD.format(extra=extra))
        (folder / "release.yml").write_text(_RELEASE.format(name=team.name, no_data=no_data, latency=latency))
        team.apply(pack(folder))

    def begin(self, team: Team, **code: Any) -> str:
        """The second release, as soon as it has a share of the traffic."""
        self.define(team, **code)
        release: str = team.ask(team.train())["id"]
        wait_until(lambda: self.shares(team) > 1, seconds=_LONGEST, what=f"{release} has a share")
        return release

    def ended(self, release: str) -> Json:
        """As it is once it has ended."""
        found: Json = {}

        def has_ended() -> bool:
            found.update(self.service.get(f"/v1/releases/{release}"))
            return found["status"] in {"succeeded", "failed", "rolled_back", "cancelled"}

        wait_until(has_ended, seconds=_LONGEST, what=f"{release} has ended")
        return found

    def asking(self, release: str) -> None:
        wait_until(
            lambda: self.service.get(f"/v1/releases/{release}")["code"] in {"no_data", "inconclusive"},
            seconds=_LONGEST,
            what=f"{release} asks",
        )

    def shares(self, team: Team) -> int:
        """How many deployments have traffic."""
        return len(self.azure.traffic("ws-dev", team.dev))

    def measured(self, team: Team, release: Json, *, callers: str = "—") -> Mapping[str, str]:
        """What became of it: by the release, and by Azure."""
        serving = self.azure.traffic("ws-dev", team.dev)
        new = str(rollout_of(release, "dev")["deployment"])
        held = [hold for hold in self.service.get("/v1/freezes", model=team.name)["items"] if hold["target"]]
        serves = "the new one" if serving == {new: 100} else "what served before" if new not in serving else "both"
        return {
            "the release": f"{release['status']}: {release['code']}",
            "serves afterwards": serves if sum(serving.values()) == 100 else str(serving),
            "afterwards": "on hold" if held else "no hold",
            "callers' failed requests": callers,
        }

    @contextmanager
    def calling(self, team: Team, *, per_second: float = _PER_SECOND) -> Iterator[Callers]:
        """With different numbers, so that code that fails on some of them does."""
        endpoint = self.azure.endpoint("ws-dev", team.dev)
        assert endpoint is not None
        address, key = endpoint["properties"]["scoringUri"], self.azure.keys("ws-dev", team.dev)[0]
        callers, over = Callers(), threading.Event()
        trusted = ssl.create_default_context(cafile=self.azure.environment["SSL_CERT_FILE"])

        def go_on_asking() -> None:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(verify=trusted, trust_env=False, timeout=60, headers=headers) as http:
                number, due = 0, time.monotonic()
                while not over.wait(max(0.0, due - time.monotonic())):
                    due += 1 / per_second
                    number += 1
                    answered = http.post(address, json={"data": [number]}).is_success
                    callers.answered += answered
                    callers.failed += not answered

        caller = threading.Thread(target=go_on_asking, daemon=True)
        caller.start()
        try:
            yield callers
        finally:
            over.set()
            caller.join(90)


def _good(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team) as callers:
        release = scene.ended(scene.begin(team))
    return scene.measured(team, release, callers=f"{callers.failed}")


def _wrong(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    scene.define(team, factor=4)
    with scene.calling(team) as callers:
        release = scene.ended(team.ask(team.train())["id"])
    return scene.measured(team, release, callers=f"{callers.failed}")


def _failing(scene: Canaries, *, of: int) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team) as callers:
        release = scene.ended(
            scene.begin(team, extra=_FAILING.format(of=of).replace("== 7", "== 0" if of == 2 else "== 7"))
        )
    most = 25 / of  # percent: the canary's share, of which it fails so many
    shown = (
        "at most the canary's share of them"
        if callers.failed and callers.share * 100 <= 1.5 * most
        else str(callers.share)
    )
    return scene.measured(team, release, callers=shown)


def _slow(scene: Canaries) -> Mapping[str, str]:
    latency = "{ratio: 1.5}"
    team = scene.stand(extra=_SLOW.format(seconds=0.05), latency=latency)
    with scene.calling(team, per_second=1) as callers:
        release = scene.ended(scene.begin(team, extra=_SLOW.format(seconds=0.15), latency=latency))
    return scene.measured(team, release, callers=f"{callers.failed}")


def _silent(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.ended(scene.begin(team))
    return scene.measured(team, release)


def _quiet(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team, per_second=5 / 60) as callers:
        release = scene.ended(scene.begin(team))
    return scene.measured(team, release, callers=f"{callers.failed}")


def _asked(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand(no_data="ask")
    release = scene.begin(team, no_data="ask")
    scene.asking(release)
    scene.service.post(f"/v1/releases/{release}/advance", {"reason": "Nobody asks at night."})
    return scene.measured(team, scene.ended(release))


def _burning(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand(extra=_FAILING.format(of=2).replace("== 7", "== 0"))
    with scene.calling(team, per_second=4):
        release = scene.ended(scene.begin(team, extra=_FAILING.format(of=2).replace("== 7", "== 0")))
    step = next(each for each in rollout_of(release, "dev")["steps"] if each["key"] == "analyse:25")
    assert re.search(r"What serves fails itself: \d+ of \d+ requests", step["sentence"]), step["sentence"]
    return scene.measured(team, release)


def _moved_by_others(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    first = max(scene.azure.traffic("ws-dev", team.dev).items(), key=lambda each: each[1])[0]
    new = min(scene.azure.traffic("ws-dev", team.dev).items(), key=lambda each: each[1])[0]
    scene.azure.set_traffic("ws-dev", team.dev, {first: 40, new: 60})
    return scene.measured(team, scene.ended(release))


def _deleted_deployment(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    shares = scene.azure.traffic("ws-dev", team.dev)
    new = min(shares, key=lambda name: shares[name])
    scene.azure.set_traffic("ws-dev", team.dev, {max(shares, key=lambda name: shares[name]): 100})
    scene.azure.delete_deployment("ws-dev", team.dev, new)
    return scene.measured(team, scene.ended(release))


def _ended_by_people(scene: Canaries, how: str) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    scene.service.post(f"/v1/releases/{release}/{how}", {"reason": "Callers complain."})
    return scene.measured(team, scene.ended(release))


_COLUMNS = ("the release", "serves afterwards", "afterwards", "callers' failed requests")


def _row(happens: str, carry_out: Callable[[Canaries], Mapping[str, str]], *outcome: str) -> Row[Canaries]:
    return Row(happens, carry_out, dict(zip(_COLUMNS, outcome, strict=True)))


CANARY = Section(
    "A canary in mid-traffic",
    "A release serves and is called; the next one gets a quarter of the traffic for two minutes, and then all of it, unless it is worse.",
    (
        _row("It is as good", _good, "succeeded: released", "the new one", "no hold", "0"),
        _row("It gives wrong answers", _wrong, "failed: golden_mismatch", "what served before", "no hold", "0"),
        _row(
            "It fails half of its requests",
            lambda scene: _failing(scene, of=2),
            "rolled_back: analysis_failed",
            "what served before",
            "on hold",
            "at most the canary's share of them",
        ),
        _row(
            "It fails one in 25 of its requests",
            lambda scene: _failing(scene, of=25),
            "rolled_back: analysis_failed",
            "what served before",
            "on hold",
            "at most the canary's share of them",
        ),
        _row(
            "It takes three times as long", _slow, "rolled_back: analysis_failed", "what served before", "on hold", "0"
        ),
        _row(
            "Nobody calls the endpoint: probes are sent", _silent, "succeeded: released", "the new one", "no hold", "—"
        ),
        _row("Five requests a minute: probes are sent", _quiet, "succeeded: released", "the new one", "no hold", "0"),
        _row(
            "Nobody calls, a person is asked and goes on", _asked, "succeeded: released", "the new one", "no hold", "—"
        ),
        _row(
            "What serves fails half of its requests, and so does it",
            _burning,
            "rolled_back: analysis_failed",
            "what served before",
            "on hold",
            "—",
        ),
        _row(
            "Somebody else changes the shares",
            _moved_by_others,
            "rolled_back: traffic_changed",
            "what served before",
            "on hold",
            "—",
        ),
        _row(
            "Somebody takes its traffic away and deletes it",
            _deleted_deployment,
            "rolled_back: traffic_changed",
            "what served before",
            "on hold",
            "—",
        ),
        _row(
            "It is aborted",
            lambda scene: _ended_by_people(scene, "abort"),
            "rolled_back: aborted",
            "what served before",
            "on hold",
            "—",
        ),
        _row(
            "It is cancelled",
            lambda scene: _ended_by_people(scene, "cancel"),
            "cancelled: cancelled",
            "what served before",
            "no hold",
            "—",
        ),
    ),
)


@contextmanager
def all_side_by_side(scene: Canaries) -> Iterator[dict[str, Future[Mapping[str, str]]]]:
    """By what happens: what is measured there."""
    with ThreadPoolExecutor(len(CANARY.rows), thread_name_prefix="row") as pool:
        yield {row.happens: pool.submit(row.carry_out, scene) for row in CANARY.rows}
