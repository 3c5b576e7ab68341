"""What becomes of canaries by what their callers get to feel."""

import re
from collections.abc import Mapping
from typing import Any

from app.analysis.canary import alpha_of, rate_rule
from app.analysis.power import Traffic, power
from app.planning.analysis import AnalysisRules
from tests.journeys.team import rollout_of
from tests.rollouts.canaries import PER_SECOND, SHARE, Canaries, Says, ends, goes_back, goes_on, new_of
from tests.rollouts.rows import Section

_FEW = "at most the canary's share of its minutes"
_HALF_FAILS = "if data and data[0] % 2 == 0: raise RuntimeError('no such number')"
_ONE_IN_25_FAILS = "if data and data[0] % 25 == 7: raise RuntimeError('no such number')"
_2_PERCENT_FAIL = (
    "if asked % 50 == 7: raise RuntimeError('out of memory')"  # of the requests that it gets, whoever asks
)
_SLOW = "time.sleep({seconds})"
_BAKE = 2  # minutes


def _good(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team) as callers:
        release = scene.ended(scene.begin(team))
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _wrong(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team) as callers:
        release = scene.ended(scene.ask(team, Says(factor=4)))
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _failing(scene: Canaries, does: str, **rules: Any) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team) as callers:
        release = scene.ended(scene.begin(team, Says(does, analysis=rules)))
    is_so = callers.fail_at_most_its_share(new_of(release), SHARE)
    shown = _FEW if is_so else f"{len(callers.failed)} of {len(callers.requests)}"
    return scene.measured(team, release, callers=shown)


def _found(per_second: float, **errors: Any) -> float:
    """How likely the analysis finds that 2% of the requests fail, by the table that approvers are shown."""
    rules = AnalysisRules.model_validate({"errors": errors, "latency": None})
    rule, traffic = rate_rule(rules), Traffic.of(per_minute=60 * per_second, weight=SHARE, minutes=_BAKE)
    return power(traffic, usual=0, bad=0.02, ratio=rule.ratio, alpha=alpha_of(rules), floor=rule.floor)


def _failing_2_percent(scene: Canaries) -> Mapping[str, str]:
    """Of a model that tolerates no more errors than what serves has."""
    errors = {"margin": 5, "ratio": 1}
    assert round(_found(PER_SECOND, **errors), 2) == 0.86
    return _failing(scene, _2_PERCENT_FAIL, errors=errors)


def _failing_2_percent_of_few(scene: Canaries) -> Mapping[str, str]:
    """Without enough requests nobody can know: a person is asked, and goes back."""
    errors = {"margin": 1, "ratio": 1}
    assert round(_found(2, **errors), 2) == 0.12
    rules = {"errors": errors, "no_data": "ask"}
    team = scene.stand(Says(analysis=rules))
    with scene.calling(team, per_second=2) as callers:
        release = scene.begin(team, Says(_2_PERCENT_FAIL, analysis=rules))
        scene.until_asks(release, "inconclusive")
        scene.answer(release, "abort")
        ended = scene.ended(release)
    is_so = not callers.failed or callers.fail_at_most_its_share(new_of(ended), SHARE)
    return scene.measured(team, ended, callers=_FEW if is_so else f"{len(callers.failed)}")


def _slow(scene: Canaries) -> Mapping[str, str]:
    rules = {"latency": {"ratio": 1.5}}
    team = scene.stand(Says(_SLOW.format(seconds=0.2), analysis=rules))
    with scene.calling(team, per_second=1) as callers:
        release = scene.ended(scene.begin(team, Says(_SLOW.format(seconds=0.6), analysis=rules)))
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _silent(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    return scene.measured(team, scene.ended(scene.begin(team)))


def _quiet(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    with scene.calling(team, per_second=5 / 60) as callers:
        release = scene.ended(scene.begin(team))
    return scene.measured(team, release, callers=f"{len(callers.failed)}")


def _asked(scene: Canaries) -> Mapping[str, str]:
    asks = Says(analysis={"no_data": "ask"})
    team = scene.stand(asks)
    release = scene.begin(team, asks)
    scene.until_asks(release, "no_data")
    scene.answer(release, "advance", "Nobody asks at night.")
    return scene.measured(team, scene.ended(release))


def _burning(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand(Says(_HALF_FAILS))
    with scene.calling(team, per_second=4) as callers:
        release = scene.ended(scene.begin(team, Says(_HALF_FAILS)))
    step = next(each for each in rollout_of(release, "dev")["steps"] if each["key"] == f"analyse:{SHARE}")
    assert re.search(r"What serves fails itself: \d+ of \d+ requests", step["sentence"]), step["sentence"]
    is_half = abs(callers.share_failed - 0.5) < 0.02  # every second number fails, whoever is asked
    return scene.measured(
        team, release, callers="half of them, as before" if is_half else f"{callers.share_failed:.0%} of them"
    )


CANARY = Section(
    "A canary in mid-traffic",
    "A release serves and is called; the next one gets a quarter of the traffic for two minutes, and then all of it, unless it is worse.",
    (
        goes_on("It is as good", _good, callers="0"),
        ends("It gives wrong answers", _wrong, "failed: golden_mismatch", "what served before", "no hold", "0"),
        goes_back(
            "It fails half of its requests",
            lambda scene: _failing(scene, _HALF_FAILS),
            why="analysis_failed",
            callers=_FEW,
        ),
        goes_back(
            "It fails one in 25 of its requests",
            lambda scene: _failing(scene, _ONE_IN_25_FAILS),
            why="analysis_failed",
            callers=_FEW,
        ),
        goes_back(
            "It fails 2% of its requests, of which it gets 240: found with a chance of 86%",
            _failing_2_percent,
            why="analysis_failed",
            callers=_FEW,
        ),
        goes_back(
            "It fails 2% of its requests, of which it gets 60: found with a chance of 12%, a person is asked and goes back",
            _failing_2_percent_of_few,
            why="aborted",
            callers=_FEW,
        ),
        goes_back("It takes three times as long", _slow, why="analysis_failed", callers="0"),
        goes_on("Nobody calls the endpoint: probes are sent", _silent),
        goes_on("Five requests a minute: probes are sent", _quiet, callers="0"),
        goes_on("Nobody calls, a person is asked and goes on", _asked),
        goes_back(
            "What serves fails half of its requests, and so does it",
            _burning,
            why="analysis_failed",
            callers="half of them, as before",
        ),
    ),
)
