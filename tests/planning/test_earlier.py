"""What going back means when nobody names a release."""

import pytest

from app.planning.earlier import Turn, previous


def released(number: int) -> Turn:
    return Turn(f"churn-{number}", f"churn-{number}")


def back(number: int, to: int | None) -> Turn:
    return Turn(f"churn-{number}", None if to is None else f"churn-{to}", went_back=True)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], None),
        ([released(1)], None),
        ([released(1), released(2)], "churn-1"),
        ([released(1), released(2), released(3), back(4, to=2)], "churn-1"),  # twice in a row: further back
        ([released(1), released(2), released(3), back(4, to=2), back(5, to=1)], None),
        ([released(1), released(2), back(3, to=1), released(4)], "churn-1"),  # not to what was rolled away from
        (
            [released(1), released(2), back(3, to=1), back(4, to=2), released(5)],
            "churn-2",
        ),  # somebody wanted it after all
        ([released(1), released(2), back(3, to=1), back(4, to=1)], None),  # it was brought back to what is on record
        ([released(1), released(2), back(3, to=None)], None),
        ([released(1), back(2, to=None), released(3)], None),
    ],
)
def test_previous_release_is_the_one_before_that_nobody_rolled_away_from(
    turns: list[Turn], expected: str | None
) -> None:
    assert previous(reversed(turns)) == expected
