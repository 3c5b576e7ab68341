"""A share of the traffic, copies of requests, and the way back: from nothing, again, and after whatever others did meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from app.azureml.endpoints import begin_set_traffic
from app.azureml.errors import ChangedMeanwhile
from app.azureml.facade import AzureML
from app.planning.tags import SERVED_TAG
from app.steps.baseline import shared_with
from app.steps.contract import Done, Interrupted, Refused
from tests.azureml.fixtures import DEV, Trained, pointed_at
from tests.azureml.running import RunningEmulator
from tests.steps.by_hand import delete, delete_endpoint, look_at, set_shares
from tests.steps.fixtures import (
    Team,
    a_team,
    creating_deployment,
    creating_endpoint,
    moving,
    place,
    registering,
    resolving,
    retiring,
)

Json = dict[str, Any]
MADE = "create_deployment:rel-2"


@dataclass(frozen=True)
class Stand:
    """Made once for all tests of this file: what takes long is to make deployments."""

    team: Team
    content: Json


@pytest.fixture(scope="module")
def stand(
    azure: AzureML, emulator: RunningEmulator, trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    with pointed_at(emulator), a_team(azure, tmp_path_factory.mktemp("gradual")) as team:
        content = team.resolve_content(resolving(team, trained.job))
        team.carry_out("register_model", registering(team, content))
        yield Stand(team, content)


@pytest.fixture
def three(stand: Stand) -> Team:
    """A team whose rel-1 serves, with rel-2 and rel-3 beside it at 0%, whatever the test before has left."""
    team, content = stand.team, stand.content
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    for number in (1, 2, 3):
        team.carry_out("create_deployment", creating_deployment(team, content, f"rel-{number}", release=number))
    set_shares(team, {"rel-1": 100}, tags={SERVED_TAG: "rel-1"})
    return team


def of_rel_2(team: Team, **more: Any) -> Json:
    return {"workspace": place(), "endpoint": team.endpoint, "deployment": "rel-2", **more}


def moved(team: Team, percent: int, **more: Any) -> Json:
    return moving(team, "rel-2", percent=percent, baseline_from="find_baseline", **more)


def find(team: Team) -> dict[str, Json]:
    """What is handed on to the steps that need it."""
    found = team.carry_out("find_baseline", of_rel_2(team)).output
    return {"find_baseline": found, MADE: team.outputs[MADE]}


def shift(team: Team, percent: int, found: dict[str, Json], *, previous: int = 0) -> Done:
    return team.carry_out("shift_traffic", moved(team, percent, previous=previous), outputs=found)


def mirror(team: Team, percent: int, found: dict[str, Json]) -> Done:
    return team.carry_out("mirror_traffic", moved(team, percent), outputs=found)


def restore(team: Team, found: dict[str, Json]) -> Done:
    return team.carry_out("restore_traffic", of_rel_2(team, baseline_from="find_baseline"), outputs=found)


@pytest.mark.parametrize(
    ("baseline", "percent", "shares"),
    [
        ({"a": 100}, 5, {"a": 95, "new": 5}),
        ({"a": 50, "b": 50}, 5, {"a": 48, "b": 47, "new": 5}),
        ({"a": 1, "b": 99}, 99, {"b": 1, "new": 99}),
        ({"a": 33, "b": 33, "c": 34}, 0, {"a": 33, "b": 33, "c": 34}),
        ({}, 5, {"new": 100}),
    ],
)
def test_others_keep_their_proportions(baseline: dict[str, int], percent: int, shares: dict[str, int]) -> None:
    assert shared_with(baseline, "new", percent) == shares


def test_share_rises_in_steps_and_is_taken_back(three: Team) -> None:
    found = find(three)

    first = shift(three, 5, found)
    assert (look_at(three).live_traffic, first.changed) == ({"rel-1": 95, "rel-2": 5}, True)
    assert "rel-2 has 5% of the traffic" in first.sentence
    assert first.observed is not None
    assert first.observed.traffic == {"rel-1": 95, "rel-2": 5}
    assert not shift(three, 5, found).changed  # as after a kill

    shift(three, 25, found, previous=5)
    assert look_at(three).live_traffic == {"rel-1": 75, "rel-2": 25}

    back = restore(three, found)
    assert (look_at(three).live_traffic, back.changed) == ({"rel-1": 100}, True)
    assert not restore(three, found).changed


def test_all_of_the_traffic_ends_a_canary(three: Team) -> None:
    found = find(three)
    shift(three, 25, found)

    done = shift(three, 100, found, previous=25)

    assert look_at(three).live_traffic == {"rel-2": 100}
    assert "all traffic" in done.sentence
    assert look_at(three).tags["mlrelease.served"].split()[:2] == ["rel-2", "rel-1"]


def test_copies_come_and_go_beside_the_live_traffic(three: Team) -> None:
    found = find(three)

    done = mirror(three, 20, found)
    assert (look_at(three).live_traffic, look_at(three).mirror_traffic) == ({"rel-1": 100}, {"rel-2": 20})
    assert done.changed
    assert not mirror(three, 20, found).changed

    shift(three, 5, found)
    assert (look_at(three).live_traffic, look_at(three).mirror_traffic) == ({"rel-1": 95, "rel-2": 5}, {})
    set_shares(three, {"rel-1": 100}, mirror={"rel-2": 20})
    restore(three, found)
    assert (look_at(three).live_traffic, look_at(three).mirror_traffic) == ({"rel-1": 100}, {})


def test_copies_of_others_are_left_alone(three: Team) -> None:
    found = find(three)
    set_shares(three, {"rel-1": 100}, mirror={"rel-3": 10})

    with pytest.raises(Refused, match=r"mirrored already: 10% to rel-3") as refused:
        mirror(three, 20, found)

    assert refused.value.code == "mirror_in_use"
    assert look_at(three).mirror_traffic == {"rel-3": 10}


def test_traffic_that_others_moved_is_not_moved_on_and_its_proportions_stay(three: Team) -> None:
    found = find(three)
    shift(three, 10, found)
    set_shares(three, {"rel-1": 45, "rel-2": 10, "rel-3": 45})

    with pytest.raises(Refused, match="not as this release had left it") as refused:
        shift(three, 25, found, previous=10)
    assert refused.value.code == "traffic_changed"

    restore(three, found)
    assert look_at(three).live_traffic == {"rel-1": 50, "rel-3": 50}


def test_what_others_took_away_already_stays_as_they_set_it(three: Team) -> None:
    found = find(three)
    shift(three, 10, found)
    set_shares(three, {"rel-3": 100})

    assert not restore(three, found).changed
    assert look_at(three).live_traffic == {"rel-3": 100}


def test_where_what_served_is_gone_the_way_back_says_who_has_the_traffic(three: Team) -> None:
    found = find(three)
    shift(three, 10, found)
    set_shares(three, {"rel-2": 100})
    delete(three, "rel-1")

    with pytest.raises(Refused, match=r"nothing is left that can answer: rel-2 has 100%") as refused:
        restore(three, found)

    assert refused.value.code == "baseline_gone"
    assert look_at(three).live_traffic == {"rel-2": 100}


def test_first_deployment_gets_everything_at_once_and_loses_it_again(
    team: Team, content: Json, registered: Json
) -> None:
    assert registered["version"] == "1"
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-2"))
    found = find(team)

    shift(team, 5, found)
    assert look_at(team).live_traffic == {"rel-2": 100}
    assert not shift(team, 25, found, previous=5).changed

    restore(team, found)
    assert look_at(team).live_traffic == {}
    assert "rel-2" not in look_at(team).tags["mlrelease.served"]


def test_what_was_taken_back_is_not_kept_for_going_back_to(three: Team) -> None:
    found = find(three)
    shift(three, 10, found)
    restore(three, found)

    three.carry_out("shift_traffic", moving(three, "rel-3"))
    retired = three.carry_out("retire_deployments", retiring(three, "rel-3"))

    assert (retired.output["deleted"], set(retired.output["kept"])) == (["rel-2"], {"rel-1", "rel-3"})


def test_all_that_served_is_remembered_however_little_the_last_share_left_it(three: Team) -> None:
    set_shares(three, {"rel-1": 1, "rel-3": 99})
    found = find(three)
    shift(three, 99, found)
    assert look_at(three).live_traffic == {"rel-2": 99, "rel-3": 1}

    shift(three, 100, found, previous=99)

    assert look_at(three).tags["mlrelease.served"].split() == ["rel-2", "rel-3", "rel-1"]


def test_everything_else_of_the_endpoint_stays_over_the_whole_way(three: Team) -> None:
    set_shares(three, {"rel-1": 100}, mirror={"rel-3": 10})
    before = look_at(three)
    found = find(three)

    for previous, percent in ((0, 5), (5, 25)):
        shift(three, percent, found, previous=previous)
        assert look_at(three).mirror_traffic == {"rel-3": 10}
    restore(three, found)

    after = look_at(three)
    for field in ("live_traffic", "mirror_traffic", "auth_mode", "identity", "public_network_access", "tags"):
        assert getattr(after, field) == getattr(before, field)


def test_of_two_that_served_the_one_that_is_left_gets_it_all_back(three: Team) -> None:
    set_shares(three, {"rel-1": 60, "rel-3": 40})
    found = find(three)
    shift(three, 10, found)
    set_shares(three, {"rel-2": 100})
    delete(three, "rel-1")

    restore(three, found)

    assert look_at(three).live_traffic == {"rel-3": 100}


def test_what_somebody_stopped_is_not_started_again_by_the_way_back(three: Team) -> None:
    found = find(three)
    set_shares(three, {"rel-1": 0}, mirror={"rel-2": 20})

    restore(three, found)

    assert (look_at(three).live_traffic, look_at(three).mirror_traffic) == ({}, {})


@pytest.mark.parametrize("step", [mirror, shift], ids=["mirror", "shift"])
def test_deployment_that_somebody_deleted_gets_nothing(three: Team, step: Callable[..., Done]) -> None:
    found = find(three)
    delete(three, "rel-2")

    with pytest.raises(Refused) as refused:
        step(three, 20, found)

    assert refused.value.code == "deployment_deleted"
    assert not restore(three, found).changed
    assert look_at(three).live_traffic == {"rel-1": 100}


@pytest.mark.parametrize(
    ("act", "percent"),
    [(mirror, 20), (shift, 5), (shift, 25), (shift, 100)],
    ids=["copies", "5%", "25%", "100%"],
)
def test_deployment_that_somebody_changed_gets_nothing(three: Team, act: Callable[..., Done], percent: int) -> None:
    found = find(three)
    made = found[MADE]
    verified = {**made, "environment_variables": {**made["environment_variables"], "THRESHOLD": "sha256:of-another"}}

    with pytest.raises(Refused, match="rel-2: environment variable THRESHOLD") as refused:
        act(three, percent, {**found, MADE: verified})

    assert refused.value.code == "deployment_changed"
    assert look_at(three).live_traffic == {"rel-1": 100}


def test_endpoint_that_somebody_deleted_is_said_to_be_gone_at_every_step(three: Team) -> None:
    found = find(three)
    delete_endpoint(three)

    steps = (
        lambda: find(three),
        lambda: mirror(three, 20, found),
        lambda: shift(three, 5, found),
        lambda: restore(three, found),
    )
    for step in steps:
        with pytest.raises(Refused, match="no longer exists") as refused:
            step()
        assert refused.value.code == "endpoint_not_found"


@pytest.mark.parametrize("moved", [{"traffic": {"rel-2": 100}}, {"traffic": {"rel-1": 100}, "mirror": {"rel-2": 9}}])
def test_what_somebody_sets_between_look_and_change_is_not_overwritten(three: Team, moved: Json) -> None:
    seen = look_at(three)
    set_shares(three, **moved)

    with pytest.raises(ChangedMeanwhile, match="after it was looked at") as meanwhile:
        begin_set_traffic(three.azure, DEV, seen, {"rel-1": 95, "rel-2": 5}, tags={}, mirrors=())

    assert meanwhile.value.retryable
    assert look_at(three).live_traffic == moved["traffic"]


def test_steps_that_are_stopped_anywhere_get_to_the_same_shares_when_carried_out_again(
    three: Team, emulator: RunningEmulator
) -> None:
    found = find(three)
    ways: list[tuple[Callable[[], Done], Json, Json]] = [
        (lambda: mirror(three, 20, found), {"rel-1": 100}, {"rel-2": 20}),
        (lambda: shift(three, 5, found), {"rel-1": 95, "rel-2": 5}, {}),
        (lambda: shift(three, 25, found, previous=5), {"rel-1": 75, "rel-2": 25}, {}),
        (lambda: restore(three, found), {"rel-1": 100}, {}),
    ]
    emulator.delay(endpoint_update=0.4)
    for step, live, mirrored in ways:
        for looks in range(3):
            three.stop_after = looks
            with suppress(Interrupted):
                step()
        three.stop_after = None
        step()
        assert (look_at(three).live_traffic, look_at(three).mirror_traffic) == (live, mirrored)
    emulator.delay(endpoint_update=0)
