"""Whatever other people did to an endpoint's traffic: a release gets by, or says so, and deletes nothing that is needed."""

from typing import Any

import pytest

from app.azureml.deployments import get_deployment, list_deployments
from app.steps.contract import Refused
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.steps.by_hand import delete, look_at, set_shares
from tests.steps.fixtures import Team, creating_deployment, moving, retiring

Json = dict[str, Any]


@pytest.fixture
def two(serving: Team, content: Json) -> Team:
    """A team whose rel-1 serves, with rel-2 beside it at 0%."""
    serving.carry_out("create_deployment", creating_deployment(serving, content, "rel-2", release=2))
    return serving


@pytest.fixture
def three(two: Team, content: Json) -> Team:
    """The team, with rel-3 beside the others."""
    two.carry_out("create_deployment", creating_deployment(two, content, "rel-3", release=3))
    return two


def names(team: Team) -> set[str]:
    return {each.name for each in list_deployments(team.azure, DEV, team.endpoint)}


def test_mirror_of_the_new_deployment_ends_when_it_gets_live_traffic(two: Team) -> None:
    set_shares(two, {"rel-1": 100}, mirror={"rel-2": 20})

    done = two.carry_out("shift_traffic", moving(two, "rel-2"))

    assert look_at(two).live_traffic == {"rel-2": 100}
    assert look_at(two).mirror_traffic == {}
    assert "The 20% of mirror traffic of rel-2 was removed." in done.sentence
    assert (done.output["mirror_before"], done.output["mirror_after"]) == ({"rel-2": 20}, {})


def test_mirror_of_the_new_deployment_is_ended_however_its_name_is_written(two: Team) -> None:
    set_shares(two, {"REL-1": 100}, mirror={"Rel-2": 50})

    two.carry_out("shift_traffic", moving(two, "rel-2"))

    assert (look_at(two).live_traffic, look_at(two).mirror_traffic) == ({"rel-2": 100}, {})


def test_mirror_of_another_deployment_stays_and_keeps_it_from_being_retired(three: Team) -> None:
    set_shares(three, {"rel-1": 100}, mirror={"rel-2": 50})

    shifted = three.carry_out("shift_traffic", moving(three, "rel-3"))
    retired = three.carry_out("retire_deployments", retiring(three, "rel-3", keep=0))

    assert look_at(three).mirror_traffic == {"rel-2": 50}
    assert "mirror" not in shifted.sentence
    assert retired.output == {"deleted": ["rel-1"], "kept": ["rel-2", "rel-3"]}
    assert "rel-2 receives mirror traffic." in retired.sentence


@pytest.mark.parametrize(
    "shares",
    [{"rel-1": 0, "rel-2": 0}, {"rel-2": 100}],
    ids=["stopped", "already"],
)
def test_any_state_of_the_traffic_ends_at_the_new_deployment_and_what_served_stays_warm(
    two: Team, shares: dict[str, int]
) -> None:
    set_shares(two, shares)

    two.carry_out("shift_traffic", moving(two, "rel-2"))
    retired = two.carry_out("retire_deployments", retiring(two, "rel-2"))

    assert look_at(two).live_traffic == {"rel-2": 100}
    assert retired.output == {"deleted": [], "kept": ["rel-1", "rel-2"]}


def test_what_served_last_stays_warm_when_somebody_stopped_the_endpoint_between_two_releases(three: Team) -> None:
    three.carry_out("shift_traffic", moving(three, "rel-2"))
    set_shares(three, {"rel-1": 0, "rel-2": 0})

    three.carry_out("shift_traffic", moving(three, "rel-3"))
    retired = three.carry_out("retire_deployments", retiring(three, "rel-3"))

    assert retired.output == {"deleted": ["rel-1"], "kept": ["rel-2", "rel-3"]}


def test_nothing_is_retired_unless_the_new_deployment_has_all_of_the_traffic(two: Team) -> None:
    two.carry_out("shift_traffic", moving(two, "rel-2"))

    for shares, said in (
        ({"rel-1": 0, "rel-2": 0}, "rel-2 has 0% .*: no deployment has any"),
        ({"rel-1": 100}, "rel-2 has 0% .*: rel-1 has 100%"),
        ({"rel-1": 90, "rel-2": 10}, "rel-2 has 10% .*: rel-1 has 90%, rel-2 has 10%"),
    ):
        set_shares(two, shares)
        with pytest.raises(Refused, match=said) as refused:
            two.carry_out("retire_deployments", retiring(two, "rel-2", keep=0))
        assert refused.value.code == "traffic_changed"
        assert "retry this release" in (refused.value.hint or "")
        assert names(two) == {"rel-1", "rel-2"}


def test_nothing_more_is_retired_once_the_traffic_changes_midway(three: Team, emulator: RunningEmulator) -> None:
    three.carry_out("shift_traffic", moving(three, "rel-3"))
    emulator.delay(delete=0.5)
    changes = [lambda: set_shares(three, {"rel-2": 100})]
    three.on_wait.append(lambda: changes.pop()() if changes else None)

    with pytest.raises(Refused) as refused:
        three.carry_out("retire_deployments", retiring(three, "rel-3", keep=0))

    emulator.delay(delete=0)
    assert refused.value.code == "traffic_changed"
    assert "rel-2" in names(three)


def test_new_deployment_that_somebody_deleted_gets_no_traffic(two: Team) -> None:
    delete(two, "rel-2")

    with pytest.raises(Refused, match=r"rel-2 of .* no longer exists") as refused:
        two.carry_out("shift_traffic", moving(two, "rel-2"))

    assert refused.value.code == "deployment_deleted"
    assert look_at(two).live_traffic == {"rel-1": 100}


def test_former_one_that_is_being_scaled_stays_warm(two: Team, emulator: RunningEmulator) -> None:
    two.carry_out("shift_traffic", moving(two, "rel-2"))
    emulator.delay(deployment=3)
    with two.azure.connect(DEV, doing="scale by hand") as client:
        deployment = client.online_deployments.get("rel-1", two.endpoint)
        deployment.tags = {**deployment.tags, "changed": "by hand"}
        client.online_deployments.begin_create_or_update(deployment)

    seen = get_deployment(two.azure, DEV, two.endpoint, "rel-1")

    retired = two.carry_out("retire_deployments", retiring(two, "rel-2"))

    assert seen is not None
    assert seen.state == "updating"
    emulator.delay(deployment=0)
    assert retired.output["deleted"] == []
