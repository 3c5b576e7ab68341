"""Plans side by side."""

from typing import Any

from app.releases.plans import Change, changes, compare, difference

SERVES: dict[str, Any] = {
    "release": "churn-1",
    "model": {"name": "churn", "digest": "sha256:a"},
    "steps": [],
    "approval": None,
}
WANTED: dict[str, Any] = {
    "release": "churn-2",
    "model": {"name": "churn", "digest": "sha256:b"},
    "steps": [],
    "approval": {"count": 1},
}

DIGEST = Change("model.digest", "sha256:a", "sha256:b")


def test_comparison_shows_what_stays_too_and_nothing_of_the_plans_own() -> None:
    assert compare(SERVES, WANTED) == [DIGEST, Change("model.name", "churn", "churn")]
    assert [each.is_one for each in compare(SERVES, WANTED)] == [True, False]


def test_difference_is_what_is_another_in_the_comparison() -> None:
    assert difference(SERVES, WANTED) == [DIGEST]
    assert "approval.count" in {each.field for each in changes(SERVES, WANTED)}


def test_comparison_with_nothing_has_everything_new() -> None:
    fields = compare({}, WANTED)

    assert [each.field for each in fields] == ["model.digest", "model.name"]
    assert all(each.before is None for each in fields)
