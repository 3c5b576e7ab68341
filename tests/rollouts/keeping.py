"""What is kept of earlier releases, and for how long: three teams that release again and again."""

from collections.abc import Mapping
from pathlib import Path

from tests.journeys.running import Running
from tests.journeys.team import Team, rollout_of
from tests.rollouts.rows import Row, Section
from tests.waiting import wait_until

SWEEP_SECONDS = 2
SHORTEST_SECONDS = 60  # that a definition may keep something warm

_STAGES = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
    key_vault: kv-dev
retention:
  keep: 2
  warm_for: 7d
"""
_OVER = _STAGES.replace("7d", "1m")
_RELEASES = (7, 7, 6)
_OTHERS = "blue"


class Keeping:
    """Three teams, each with one endpoint at which others have a deployment too, without traffic."""

    def __init__(self, service: Running, folder: Path) -> None:
        self.service, self.azure = service, service.azure
        self.teams = [Team(service, folder / str(number)) for number in range(len(_RELEASES))]
        self.served: dict[str, list[str]] = {}  # by endpoint: the deployments that served, in order

    def release(self) -> None:
        """Twenty releases, by turns."""
        jobs = {}
        for team in self.teams:
            team.apply(team.define(stages=_STAGES))
            jobs[team.name] = team.train()
        for turn in range(max(_RELEASES)):
            for team, number in zip(self.teams, _RELEASES, strict=True):
                if turn < number:
                    made = str(rollout_of(team.release(jobs[team.name]), "dev")["deployment"])
                    self.served.setdefault(team.dev, []).append(made)
                    if turn == 0:
                        self.azure.copy_deployment("ws-dev", team.dev, made, _OTHERS)

    def there(self) -> list[set[str]]:
        return [self.azure.deployments("ws-dev", team.dev) for team in self.teams]

    def said(self, team: Team, there: set[str]) -> str:
        """In words: which of those that served are still there, and what else is."""
        *before, serving = self.served[team.dev]
        warm = [name for name in before if name in there]
        last = warm == before[len(before) - len(warm) :]
        assert serving in there, f"{serving} serves, and is not among {there}"
        kept = f"the last {len(warm)} before it" if warm and last else ", ".join(warm)
        others = sorted(there - {*before, serving})
        return ", ".join(["what serves", *([kept] if kept else []), *(_in_words(name) for name in others)])

    def say_all(self, there: list[set[str]]) -> str:
        """Once, where it is the same at each endpoint."""
        return "; ".join(dict.fromkeys(self.said(team, found) for team, found in zip(self.teams, there, strict=True)))

    def leave(self) -> None:
        for team in self.teams:
            team.leave()


def _in_words(name: str) -> str:
    return "what others made" if name == _OTHERS else name


def _twenty(scene: Keeping) -> Mapping[str, str]:
    scene.release()
    at_the_end = scene.there()
    for team in scene.teams:
        team.apply(team.define(stages=_OVER))
    wait_until(
        lambda: all(len(each) == 2 for each in scene.there()),
        what="what was kept warm is deleted",
        seconds=SHORTEST_SECONDS + 120,
        every=1.0,
    )
    return {
        "there after the last release": scene.say_all(at_the_end),
        "there once `warm_for` is over": scene.say_all(scene.there()),
        "answers": _answers(scene),
    }


def _failed(scene: Keeping) -> Mapping[str, str]:
    """Its golden requests expect what another model answers: it is made, and never gets traffic."""
    team = scene.teams[0]
    job = team.train()
    team.apply(team.define(factor=7, stages=_OVER))
    ended = scene.service.until_still(team.ask(job)["id"])
    assert ended["status"] == "failed", ended["sentence"]
    left = str(rollout_of(ended, "dev")["deployment"])
    there = scene.there()[0]
    assert left in there, f"{left} is not among {there}: it was swept before its time"
    wait_until(
        lambda: left not in scene.there()[0],
        what="what the failed release made is deleted",
        seconds=SHORTEST_SECONDS + 120,
        every=1.0,
    )
    return {
        "there after the last release": scene.said(team, there).replace(left, "what the failed one made"),
        "there once `warm_for` is over": scene.said(team, scene.there()[0]),
        "answers": _answers(scene),
    }


def _answers(scene: Keeping) -> str:
    right = all(team.use(team.dev, [1]) == [team.factor] for team in scene.teams)
    return "as before" if right else "others than before"


KEEPING: Section[Keeping] = Section(
    "Retention",
    "`retention: {keep: 2, warm_for: 7d}`, of which a newer version of the definition makes a minute. At each endpoint others have a "
    "deployment too.",
    (
        Row(
            "three models are released twenty times, by turns",
            _twenty,
            {
                "there after the last release": "what serves, the last 2 before it, what others made",
                "there once `warm_for` is over": "what serves, what others made",
                "answers": "as before",
            },
        ),
        Row(
            "a release fails at its golden requests",
            _failed,
            {
                "there after the last release": "what serves, what others made, what the failed one made",
                "there once `warm_for` is over": "what serves, what others made",
                "answers": "as before",
            },
        ),
    ),
)
