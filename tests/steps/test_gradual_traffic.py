"""A share of the traffic, copies of requests, and the way back: from nothing, again, and after whatever others did meanwhile."""

from typing import Any

import pytest

from app.steps.baseline import shared_with
from app.steps.contract import Done, Refused
from tests.steps.by_hand import delete, look_at, set_shares
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint, deployed, place

Json = dict[str, Any]


@pytest.fixture
def two(team: Team, content: Json, registered: Json) -> Team:
    """A team whose rel-1 serves, with rel-2 beside it at 0%."""
    assert registered["version"] == "1"
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    team.carry_out("shift_traffic", deployed(team, "rel-1"))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-2", release=2))
    return team


@pytest.fixture
def three(two: Team, content: Json) -> Team:
    """The team, with rel-3 beside the others."""
    two.carry_out("create_deployment", creating_deployment(two, content, "rel-3", release=3))
    return two


def of_rel_2(team: Team, **more: Any) -> Json:
    return {"workspace": place(), "endpoint": team.endpoint, "deployment": "rel-2", **more}


def find(team: Team) -> dict[str, Json]:
    """What is handed on to the steps that need it."""
    return {"find_baseline": team.carry_out("find_baseline", of_rel_2(team)).output}


def shift(team: Team, percent: int, found: dict[str, Json], *, previous: int = 0) -> Done:
    config = of_rel_2(team, percent=percent, previous=previous, baseline_from="find_baseline")
    return team.carry_out("shift_traffic", config, outputs=found)


def mirror(team: Team, percent: int, found: dict[str, Json]) -> Done:
    return team.carry_out(
        "mirror_traffic", of_rel_2(team, percent=percent, baseline_from="find_baseline"), outputs=found
    )


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


def test_share_rises_in_steps_and_is_taken_back(two: Team) -> None:
    found = find(two)

    first = shift(two, 5, found)
    assert (look_at(two).live_traffic, first.changed) == ({"rel-1": 95, "rel-2": 5}, True)
    assert "rel-2 has 5% of the traffic" in first.sentence
    assert first.observed is not None
    assert first.observed.traffic == {"rel-1": 95, "rel-2": 5}
    assert not shift(two, 5, found).changed  # as after a kill

    shift(two, 25, found, previous=5)
    assert look_at(two).live_traffic == {"rel-1": 75, "rel-2": 25}

    back = restore(two, found)
    assert (look_at(two).live_traffic, back.changed) == ({"rel-1": 100}, True)
    assert not restore(two, found).changed


def test_all_of_the_traffic_ends_a_canary(two: Team) -> None:
    found = find(two)
    shift(two, 25, found)

    done = shift(two, 100, found, previous=25)

    assert look_at(two).live_traffic == {"rel-2": 100}
    assert "all traffic" in done.sentence
    assert look_at(two).tags["mlrelease.served"].split()[:2] == ["rel-2", "rel-1"]


def test_copies_come_and_go_beside_the_live_traffic(two: Team) -> None:
    found = find(two)

    done = mirror(two, 20, found)
    assert (look_at(two).live_traffic, look_at(two).mirror_traffic) == ({"rel-1": 100}, {"rel-2": 20})
    assert done.changed
    assert not mirror(two, 20, found).changed

    shift(two, 5, found)
    assert (look_at(two).live_traffic, look_at(two).mirror_traffic) == ({"rel-1": 95, "rel-2": 5}, {})
    set_shares(two, {"rel-1": 100}, mirror={"rel-2": 20})
    restore(two, found)
    assert (look_at(two).live_traffic, look_at(two).mirror_traffic) == ({"rel-1": 100}, {})


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


def test_where_what_served_is_gone_the_way_back_says_who_has_the_traffic(two: Team) -> None:
    found = find(two)
    shift(two, 10, found)
    set_shares(two, {"rel-2": 100})
    delete(two, "rel-1")

    with pytest.raises(Refused, match=r"nothing is left that can answer: rel-2 has 100%") as refused:
        restore(two, found)

    assert refused.value.code == "baseline_gone"
    assert look_at(two).live_traffic == {"rel-2": 100}


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
