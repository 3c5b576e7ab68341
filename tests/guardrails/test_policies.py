"""The order of policies: what the stricter of two approves, both would have approved."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.approvals.policy import Asked, State, Vote, evaluate
from app.guardrails.policies import stricter, strictest, weaker_in
from app.planning.policy import ApprovalSection, BreakGlassSection

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = st.sampled_from(["anna", "Boris", "chen", "ml", "risk", "Risk", "ops"])
GROUPS = st.lists(NAMES, max_size=3, unique=True).map(tuple)
POLICIES = st.builds(
    ApprovalSection,
    count=st.integers(1, 4),
    groups=GROUPS,
    self_approval=st.booleans(),
    never=GROUPS,
    expires_after=st.sampled_from([None, "1h", "3d", "72h", "1w"]),
    comment=st.sampled_from(["required", "optional"]),
    break_glass=st.none() | st.builds(BreakGlassSection, count=st.integers(2, 4), groups=GROUPS),
)
ANY_POLICY = st.none() | POLICIES
VOTES = st.lists(
    st.builds(
        Vote,
        person=st.sampled_from(["anna", "boris", "chen", "dora", "emil"]),
        approve=st.just(True),
        at=st.integers(0, 200).map(lambda hours: NOW + timedelta(hours=hours)),
        groups=st.frozensets(NAMES, max_size=4),
        reason=st.sampled_from(["", "because"]),
        emergency=st.booleans(),
    ),
    max_size=8,
)
ASKED = Asked(requester="anna", author="Chen <chen@team.example>", at=NOW)


@given(POLICIES, POLICIES, VOTES)
def test_what_the_stricter_of_two_approves_each_approves(
    one: ApprovalSection, other: ApprovalSection, votes: list[Vote]
) -> None:
    both = stricter(one, other)
    assert both is not None
    if evaluate(both, ASKED, votes, now=NOW).state is State.APPROVED:
        assert evaluate(one, ASKED, votes, now=NOW).state is State.APPROVED
        assert evaluate(other, ASKED, votes, now=NOW).state is State.APPROVED


@given(ANY_POLICY, ANY_POLICY, ANY_POLICY)
def test_policies_are_ordered(a: ApprovalSection | None, b: ApprovalSection | None, c: ApprovalSection | None) -> None:
    assert weaker_in(stricter(a, a), a) == weaker_in(a, stricter(a, a)) == []
    assert weaker_in(stricter(a, b), a) == weaker_in(stricter(a, b), b) == []
    assert weaker_in(stricter(a, b), stricter(b, a)) == []
    assert weaker_in(strictest(a, b, c), stricter(a, stricter(b, c))) == []
    assert weaker_in(a, None) == []


BASE = ApprovalSection(
    count=2,
    groups=("risk",),
    never=("bot",),
    expires_after="3d",
    comment="required",
    break_glass=BreakGlassSection(count=3, groups=("ops",)),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 1),
        ("groups", ()),
        ("groups", ("other",)),
        ("self_approval", True),
        ("never", ()),
        ("expires_after", None),
        ("expires_after", "4d"),
        ("comment", "optional"),
        ("break_glass", BreakGlassSection(count=2, groups=("ops",))),
        ("break_glass", BreakGlassSection(count=3)),
        ("break_glass", BreakGlassSection(count=3, groups=("ops", "all"))),
    ],
)
def test_each_dimension_can_be_weaker_alone(field: str, value: object) -> None:
    weaker = BASE.model_copy(update={field: value})

    assert weaker_in(weaker, BASE) == [field]
    assert weaker_in(stricter(weaker, BASE), BASE) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 3),
        ("groups", ("Risk", "legal")),
        ("expires_after", "72h"),
        ("expires_after", "1h"),
        ("never", ("bot", "anna")),
        ("break_glass", None),
        ("break_glass", BreakGlassSection(count=4, groups=("OPS",))),
    ],
)
def test_what_asks_for_as_much_or_more_is_not_weaker(field: str, value: object) -> None:
    assert weaker_in(BASE.model_copy(update={field: value}), BASE) == []


def test_where_nobody_may_break_both_glasses_it_cannot_be_broken() -> None:
    other = BASE.model_copy(update={"break_glass": BreakGlassSection(count=2, groups=("night-shift",))})

    assert stricter(BASE, other).break_glass is None  # type: ignore[union-attr] # neither is none
