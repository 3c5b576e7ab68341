"""What becomes of releases by what is seen before any caller is answered by them: labelled golden requests, and copies of requests."""

from collections.abc import Mapping

from tests.journeys.running import Json
from tests.rollouts.canaries import SHARE, SHORT, Canaries, Says, ends, goes_back, goes_on
from tests.rollouts.rows import Section

_LABELLED = 100
_ERRING = "if data and {first} <= data[0] <= {last}: return {{'predictions': [-1]}}"
_SHADOW = {
    "strategy": "shadow",
    "mirror": {"percent": 50, "bake": "1m"},
    "steps": [{"weight": SHARE, "bake": "1m"}],
}
_HALF_FAILS = "if data and data[0] % 2 == 0: raise RuntimeError('no such number')"


def _says(*, first: int, last: int, tolerated: float) -> Says:
    """Code that has these of the 100 labelled requests wrong, and how many points fewer than what serves are no harm."""
    golden = [{"request": {"data": [number]}, "label": 3 * number} for number in range(1, _LABELLED + 1)]
    replay = {"accuracy": {"path": "$.predictions[0]", "worse_by": tolerated}}
    return Says(_ERRING.format(first=first, last=last), golden=golden, replay=replay, traffic=SHORT)


def _compared(scene: Canaries, serving: Says, new: Says, *, lost: int, won: int) -> Mapping[str, str]:
    """``lost``, ``won``: which labelled requests only what serves, and only the new one, has right, as the evidence must say."""
    team = scene.stand(serving)
    with scene.calling(team, per_second=6) as callers:
        release = scene.ended(scene.ask(team, new))
    (golden,) = (each for each in _reports(scene, release) if each["kind"] == "golden")
    flips = golden["document"]["flips"]
    assert (flips["lost"], flips["won"]) == (lost, won), golden["document"]
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _within(scene: Canaries) -> Mapping[str, str]:
    serving, new = (_says(first=1, last=last, tolerated=5) for last in (5, 6))
    return _compared(scene, serving, new, lost=1, won=0)


def _beyond(scene: Canaries) -> Mapping[str, str]:
    serving, new = (_says(first=1, last=last, tolerated=1) for last in (5, 11))
    return _compared(scene, serving, new, lost=6, won=0)


def _better(scene: Canaries) -> Mapping[str, str]:
    serving, new = (_says(first=first, last=last, tolerated=1) for first, last in ((1, 20), (21, 21)))
    return _compared(scene, serving, new, lost=1, won=20)


def _shadow(scene: Canaries, does: str = "pass") -> Mapping[str, str]:
    team = scene.stand(Says(traffic=_SHADOW))
    with scene.calling(team) as callers:
        release = scene.ended(scene.ask(team, Says(does, traffic=_SHADOW)))
    shares = [each["document"]["share"] for each in _reports(scene, release) if each["kind"] == "analysis"]
    assert shares == ([50, SHARE] if does == "pass" else [50]), "copies are compared before a share"
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _reports(scene: Canaries, release: Json) -> list[Json]:
    """The oldest first."""
    found: list[Json] = scene.service.get(f"/v1/releases/{release['id']}/reports")["items"]
    return sorted(found, key=lambda each: str(each["created_at"]))


PROVEN = Section(
    "Labelled golden requests before a canary",
    "A release serves and is called; the next one is asked 100 labelled requests beside it, and only then gets a quarter of the traffic.",
    (
        goes_on("It has one answer fewer right, and 5 points are tolerated", _within, callers="0"),
        ends(
            "It loses 6 points, and 1 point is tolerated",
            _beyond,
            "failed: golden_failed",
            "what served before",
            "no hold",
            "0",
        ),
        goes_on("It has 20 more answers right and one that was right wrong", _better, callers="0"),
    ),
)
SHADOW = Section(
    "A shadow before a canary",
    "Half of the requests are copied to the next release for a minute; then it gets a quarter of the traffic for a minute, and then all.",
    (
        goes_on("It is as good", _shadow, callers="0"),
        goes_back(
            "It fails half of the copies",
            lambda scene: _shadow(scene, _HALF_FAILS),
            why="analysis_failed",
            callers="0",
        ),
    ),
)
