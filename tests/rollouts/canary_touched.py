"""What becomes of canaries that somebody touches: in Azure, by an answer, or by ending the worker that watches them."""

import signal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from tests.journeys.running import Json
from tests.journeys.team import Team, steps_of
from tests.rollouts.canaries import SHARE, Canaries, ends, goes_back, goes_on
from tests.rollouts.rows import Section
from tests.waiting import wait_until

_ANALYSIS = f"analyse:{SHARE}"
_EITHER = "traffic_changed or deployment_deleted, whichever is seen first"
_BAKE = timedelta(minutes=2)


def _moved_by_others(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    first, new = _first_and_new(scene, team)
    scene.azure.set_traffic("ws-dev", team.dev, {first: 40, new: 60})
    return scene.measured(team, scene.ended(release))


def _deleted_deployment(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    first, new = _first_and_new(scene, team)
    scene.azure.set_traffic("ws-dev", team.dev, {first: 100})
    scene.azure.delete_deployment("ws-dev", team.dev, new)
    ended = scene.ended(release)
    assert ended["code"] in {"traffic_changed", "deployment_deleted"}, ended["sentence"]
    return {**scene.measured(team, ended), "the release": f"{ended['status']}: {_EITHER}"}


def _deleted_endpoint(scene: Canaries) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    scene.azure.delete_endpoint("ws-dev", team.dev)
    wait_until(lambda: scene.azure.endpoint("ws-dev", team.dev) is None, what=f"the end of {team.dev}")
    return scene.measured(team, scene.ended(release))


def _ended_by_people(scene: Canaries, how: str) -> Mapping[str, str]:
    team = scene.stand()
    release = scene.begin(team)
    scene.answer(release, how)
    return scene.measured(team, scene.ended(release))


def _paused(scene: Canaries, meanwhile: Callable[[Canaries], None]) -> Mapping[str, str]:
    """The shares stay while it is paused, and of its bake as much is left afterwards as before."""
    team = scene.stand()
    with scene.calling(team, per_second=4) as callers:
        release = scene.begin(team)
        scene.service.until_step(release, "dev", _ANALYSIS, "waiting")
        scene.answer(release, "pause", "Lunch.")
        paused = scene.service.until(release, lambda found: found["status"] == "paused")
        before, since = scene.shares(team), datetime.now().astimezone()
        meanwhile(scene)
        assert scene.shares(team) == before, "the shares stay"
        assert len(before) == 2
        pause = datetime.now().astimezone() - since
        scene.answer(release, "resume")
        ended = scene.ended(release)
    begun = datetime.fromisoformat(_analysis(paused)["started_at"])
    until = datetime.fromisoformat(_analysis(ended)["output"]["to"])
    assert until >= begun + pause + _BAKE, "the time of the pause does not count"
    return scene.measured(team, ended, callers=f"{len(callers.failed)}")


def _worker_is_killed(scene: Canaries) -> None:
    with scene.worker:
        scene.service.replace_worker(by=signal.SIGKILL)


def _version_is_raised(scene: Canaries) -> None:
    with scene.worker:
        scene.service.replace_worker(by=signal.SIGTERM, version=("99.0.0", "raised"))
        assert [each["version"] for each in scene.service.get("/v1/workers")["items"]] == ["99.0.0"]


def _first_and_new(scene: Canaries, team: Team) -> tuple[str, str]:
    """Which served, and which has the smaller share now."""
    shares = scene.shares(team)
    first, new = sorted(shares, key=lambda name: -shares[name])
    return first, new


def _analysis(release: Json) -> Json:
    return steps_of(release, "dev")[_ANALYSIS]


TOUCHED = Section(
    "A canary that is touched",
    "As before; while it has a quarter of the traffic somebody else comes between.",
    (
        goes_back("Somebody else changes the shares", _moved_by_others, why="traffic_changed"),
        goes_back("Somebody takes its traffic away and deletes it", _deleted_deployment, why=_EITHER),
        ends("Somebody deletes the endpoint", _deleted_endpoint, "failed: endpoint_not_found", "nothing", "on hold"),
        goes_back("It is aborted", lambda scene: _ended_by_people(scene, "abort"), why="aborted"),
        ends(
            "It is cancelled",
            lambda scene: _ended_by_people(scene, "cancel"),
            "cancelled: cancelled",
            "what served before",
            "no hold",
        ),
        goes_on(
            "It is paused, the worker is killed, and another one goes on with it",
            lambda scene: _paused(scene, _worker_is_killed),
            callers="0",
        ),
        goes_on(
            "It is paused, the service is upgraded, and the newer version goes on with it",
            lambda scene: _paused(scene, _version_is_raised),
            callers="0",
        ),
    ),
)
