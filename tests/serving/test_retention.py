"""What becomes of deployments without traffic: by the definition's section, never what serves, never what others made."""

from datetime import timedelta
from typing import Any

import pytest

from app.definitions.schema import RetentionSection
from app.serving.retention import Fate, Idle, fates
from tests.serving.idling import NOW, idle

TWO_FOR_A_WEEK = RetentionSection(keep=2, warm_for="7d")


def due(*deployments: Idle, retention: RetentionSection | None = TWO_FOR_A_WEEK) -> dict[str, str]:
    """What becomes of which, now."""
    found = fates(deployments, retention, model="churn")
    return {each.idle.name: each.then for each in found if each.is_due(NOW)}


def fate(deployment: Idle, *others: Idle) -> Fate:
    return next(each for each in fates([deployment, *others], TWO_FOR_A_WEEK, model="churn") if each.idle == deployment)


def test_the_last_ones_that_served_stay_warm_for_their_time_and_older_ones_go_at_once() -> None:
    assert due(idle("r4", days=1), idle("r3", days=6.9), idle("r2", days=6.95), idle("r1", days=8)) == {
        "r2": "delete",
        "r1": "delete",
    }
    assert due(idle("r4", days=7.1), idle("r3", days=8)) == {"r4": "delete", "r3": "delete"}


def test_they_can_be_scaled_down_in_place_of_being_deleted() -> None:
    scaling = RetentionSection(keep=2, warm_for="7d", then="scale_down")

    assert due(idle("r4", days=1), idle("r3", days=8), idle("r2", days=9), retention=scaling) == {
        "r3": "scale_down",
        "r2": "delete",
    }
    assert due(idle("r3", days=8, instance_count=1), retention=scaling) == {}


@pytest.mark.parametrize("more", [{"good": False}, {"model": "fraud", "release": "fraud-3"}])
def test_what_failed_and_what_is_of_another_model_goes_after_the_time_whatever_is_kept(more: Any) -> None:
    assert due(idle("r4", days=1), idle("r3", days=2), idle("r2", days=6, **more)) == {}
    assert due(idle("r2", days=7, **more)) == {"r2": "delete"}


def test_what_others_made_is_never_touched() -> None:
    assert due(idle("blue", days=999, release=None, model=None)) == {}
    assert due(idle("blue", days=999, release=None, model="churn")) == {}
    assert due(idle("r1", days=1), idle("r2", days=2), idle("blue", days=0, release=None), idle("r3", days=3)) == {
        "r3": "delete"
    }


def test_without_the_section_nothing_is_touched() -> None:
    assert due(idle("r1", days=999), idle("r2", days=999, good=False), retention=None) == {}


def test_it_is_said_when_and_why() -> None:
    kept = fate(idle("r2", days=1))

    assert (kept.then, kept.at) == ("delete", NOW + timedelta(days=6))
    assert kept.because == "Kept for 7d after it had served."
