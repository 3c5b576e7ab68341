"""Going back, by a team whose models multiply: the answers show which release serves."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of
from tests.rollouts.callers import calling
from tests.rollouts.rows import Row, Section

FIRST, SECOND, THIRD = 3, 4, 5  # what their models multiply by

_STAGES = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
    key_vault: kv-dev
"""
_ASKING = f"{_STAGES}    approval: required\n"
_CANARY = f"{_STAGES}    traffic: {{{{strategy: canary, steps: [{{{{weight: 25, bake: 1h}}}}]}}}}\n"


class GoingBack:
    """A team with one stage. Jobs are trained once; releases are made as a row needs them."""

    def __init__(self, service: Running, folder: Path) -> None:
        self.service = service
        self.team = Team(service, folder)
        self._jobs: dict[float, str] = {}
        self._first: Json | None = None

    @property
    def target(self) -> str:
        return f"00000000-0000-0000-0000-000000000001/rg-ml/ws-dev/{self.team.dev}"

    def stand(self) -> tuple[Json, Json]:
        """The first release has served, the second serves, both deployments are there, and nothing is held."""
        if self._first is None or not self.serves(self._first):
            self._first = self.release(FIRST)
        return self._first, self.release(SECOND)

    def serves(self, release: Json) -> bool:
        return self.service.azure.traffic("ws-dev", self.team.dev) == {self.deployment(release): 100}

    def release(self, factor: float) -> Json:
        """Approved where an earlier definition asked for that."""
        self.lift()
        release = self.ended(self.ask(factor)["id"], "succeeded", "pending_approval")
        if release["status"] == "pending_approval":
            self.team.approve(release, stage="dev")
        return self.ended(release["id"], "succeeded")

    def ask(self, factor: float, *, stages: str = _STAGES) -> Json:
        """For a release of the model that multiplies so."""
        self.team.apply(self.team.define(factor=factor, stages=stages))
        if factor not in self._jobs:
            self._jobs[factor] = self.team.train(factor=factor)
        return self.team.ask(self._jobs[factor])

    def back(self, **body: str) -> Json:
        """A rollback, asked for and carried out."""
        return self.ended(self.ask_back(**body)["id"], "succeeded")

    def ask_back(self, **body: str) -> Json:
        return self.service.post(f"/v1/targets/{self.target}/rollback", {"reason": "It answers wrongly.", **body})

    def ended(self, release: str, *statuses: str) -> Json:
        ended = self.service.until_still(release)
        assert ended["status"] in statuses, ended["sentence"]
        return ended

    def lift(self) -> None:
        for hold in self.holds():
            self.service.http.delete(f"/v1/freezes/{hold['id']}").raise_for_status()

    def holds(self) -> list[Json]:
        found: list[Json] = self.service.get("/v1/freezes", model=self.team.name)["items"]
        return found

    def deployment(self, release: Json) -> str:
        return str(rollout_of(release, "dev")["deployment"])

    def measured(self, back: Json, *, was: Json, other: str = "") -> Mapping[str, str]:
        """``was``: the release whose content is to serve again."""
        serving = self.service.azure.traffic("ws-dev", self.team.dev)
        (answer,) = self.team.use(self.team.dev, [1])
        factor = {FIRST: "first", SECOND: "second", THIRD: "third"}[answer]
        again = "its deployment" if serving == {self.deployment(was): 100} else "a new deployment"
        held = [hold for hold in self.holds() if back["id"] in hold["reason"]]
        return {
            "the rollback": back["status"],
            "serves afterwards": f"the {factor} release, in {again}" if len(serving) == 1 else str(serving),
            "afterwards": "on hold" if held else "no hold",
            "other releases": other or "—",
        }


def _warm(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    with calling(scene.team, scene.team.dev) as callers:
        back = scene.back()
    assert callers.answered, callers.failed
    return scene.measured(back, was=first, other=f"requests that failed meanwhile: {callers}")


def _gone(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    scene.service.azure.delete_deployment("ws-dev", scene.team.dev, scene.deployment(first))
    return scene.measured(scene.back(), was=first)


def _while_one_runs(scene: GoingBack) -> Mapping[str, str]:
    _, second = scene.stand()
    scene.service.azure.delay(deployment=3)
    try:
        running = scene.ask(THIRD)
        scene.service.until_step(running["id"], "dev", "create_deployment", "running")
        back = scene.back()
    finally:
        scene.service.azure.delay(deployment=0)
    stopped = scene.ended(running["id"], "cancelled")
    return scene.measured(back, was=second, other=f"the one that ran: {stopped['status']}")


def _while_one_has_a_share(scene: GoingBack) -> Mapping[str, str]:
    _, second = scene.stand()
    canary = scene.ask(THIRD, stages=_CANARY)
    scene.service.until_step(canary["id"], "dev", "analyse:25", "waiting")
    assert scene.service.azure.traffic("ws-dev", scene.team.dev)[scene.deployment(second)] == 75
    back = scene.back()
    stopped = scene.ended(canary["id"], "cancelled")
    return scene.measured(back, was=second, other=f"the canary: {stopped['status']}")


def _while_one_waits(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    waiting = scene.ended(scene.ask(THIRD, stages=_ASKING)["id"], "pending_approval")
    back = scene.back()
    return scene.measured(
        back, was=first, other=f"the one that waited: {scene.service.release(waiting['id'])['status']}"
    )


def _twice(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    scene.release(THIRD)
    scene.back()
    return scene.measured(scene.back(), was=first)


def _automation(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    back = scene.back()
    again = scene.ask(SECOND)
    held = scene.service.until(again["id"], lambda release: release["status"] == "scheduled")
    assert f"{back['id']} took dev back to {first['id']}, for anna: It answers wrongly." in held["sentence"]
    measured = scene.measured(back, was=first, other=f"the bad one again: {held['status']}")
    scene.service.post(f"/v1/releases/{again['id']}/cancel", {"reason": "No more of it."})
    return measured


def _foreign(scene: GoingBack) -> Mapping[str, str]:
    """Others have made one from the first one's, and the endpoint was adopted as they left it."""
    first, _ = scene.stand()
    azure, endpoint = scene.service.azure, scene.team.dev
    azure.copy_deployment("ws-dev", endpoint, scene.deployment(first), "blue")
    azure.set_traffic("ws-dev", endpoint, {"blue": 100})
    adopted = scene.service.post(f"/v1/models/{scene.team.name}/stages/dev/adopt", {})
    scene.ended(adopted["id"], "succeeded")
    scene.release(SECOND)
    back = scene.back(deployment="blue")
    assert azure.traffic("ws-dev", endpoint) == {"blue": 100}
    return {**scene.measured(back, was=first), "serves afterwards": "what others had made"}


def _changed(scene: GoingBack) -> Mapping[str, str]:
    first, _ = scene.stand()
    scene.service.azure.tag_deployment("ws-dev", scene.team.dev, scene.deployment(first), **{"mlrelease.digest": "x"})
    return scene.measured(scene.back(), was=first)


def _row(happens: str, act: Callable[[GoingBack], Mapping[str, str]], serves: str, other: str = "—") -> Row[GoingBack]:
    outcome = {
        "the rollback": "succeeded",
        "serves afterwards": serves,
        "afterwards": "on hold",
        "other releases": other,
    }
    return Row(happens, act, outcome)


GOING_BACK: Section[GoingBack] = Section(
    "Going back",
    "`mlrelease rollback MODEL STAGE` after a first and a second release, of which the second serves.",
    (
        _row(
            "the first one's deployment is still there",
            _warm,
            "the first release, in its deployment",
            "requests that failed meanwhile: none",
        ),
        _row("the first one's deployment was deleted", _gone, "the first release, in a new deployment"),
        _row(
            "a third release is on its way there",
            _while_one_runs,
            "the second release, in its deployment",
            "the one that ran: cancelled",
        ),
        _row(
            "a third release is a canary with a quarter of the traffic",
            _while_one_has_a_share,
            "the second release, in its deployment",
            "the canary: cancelled",
        ),
        _row(
            "a third release waits for approval",
            _while_one_waits,
            "the first release, in its deployment",
            "the one that waited: superseded",
        ),
        _row("after a third release, twice in a row", _twice, "the first release, in a new deployment"),
        _row(
            "automation then asks for the second one again",
            _automation,
            "the first release, in its deployment",
            "the bad one again: scheduled",
        ),
        _row(
            "it is asked for a deployment that others made, after the endpoint was adopted",
            _foreign,
            "what others had made",
        ),
        _row("the first one's deployment was changed by hand", _changed, "the first release, in a new deployment"),
    ),
)
