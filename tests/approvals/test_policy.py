"""Whether a stage is approved: by table, and by what must hold for all votes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.approvals.policy import Asked, State, Verdict, Vote, Why, evaluate, names_in, normal
from app.planning.policy import ANYBODY, ApprovalSection

START = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
LATER = START + timedelta(hours=1)
ASKED = Asked(requester="anna", author="Bert B <bert@example.org>", at=START)


def policy(**more: Any) -> ApprovalSection:
    return ApprovalSection.model_validate(more)


def yes(person: str, *groups: str, **more: Any) -> Vote:
    return Vote(**{"person": person, "approve": True, "at": LATER, "groups": frozenset(groups), **more})


def no(person: str, **more: Any) -> Vote:
    return Vote(**{"person": person, "approve": False, "at": LATER, "reason": "No.", **more})


def verdict(rule: ApprovalSection, *votes: Vote, now: datetime = LATER) -> Verdict:
    return evaluate(rule, ASKED, votes, now=now)


GLASS = {"break_glass": {"groups": ["on-call"]}}
BROKEN = {"emergency": True, "reason": "It burns."}


@pytest.mark.parametrize(
    ("rule", "votes", "state", "missing"),
    [
        (policy(), [], State.WAITING, ("1 more approval",)),
        (policy(), [yes("carl")], State.APPROVED, ()),
        (policy(count=2), [yes("carl")], State.WAITING, ("1 more approval",)),
        (policy(count=2), [yes("carl"), yes("dora")], State.APPROVED, ()),
        (policy(count=3), [], State.WAITING, ("3 more approvals",)),
        (policy(groups=["risk"]), [yes("carl")], State.WAITING, ("an approval from group risk",)),
        (policy(groups=["risk"]), [yes("carl", "Risk")], State.APPROVED, ()),
        (
            policy(count=2, groups=["risk", "platform"]),
            [yes("carl", "risk", "platform")],
            State.WAITING,
            ("1 more approval",),
        ),
        (
            policy(count=2, groups=["risk", "platform"]),
            [yes("carl", "risk"), yes("dora", "platform")],
            State.APPROVED,
            (),
        ),
        (ANYBODY, [yes("anna")], State.APPROVED, ()),
        (ANYBODY, [yes("bert")], State.APPROVED, ()),
        (policy(), [no("carl")], State.REJECTED, ()),
        (policy(count=2), [yes("carl"), no("dora")], State.REJECTED, ()),
        (policy(**GLASS), [yes("carl", "on-call", **BROKEN)], State.WAITING, ("1 more approval",)),
        (policy(**GLASS), [yes("carl", "on-call", **BROKEN), yes("anna", "on-call", **BROKEN)], State.APPROVED, ()),
    ],
)
def test_votes_add_up(rule: ApprovalSection, votes: list[Vote], state: State, missing: tuple[str, ...]) -> None:
    said = verdict(rule, *votes)

    assert (said.state, said.missing, said.refused) == (state, missing, ())


@pytest.mark.parametrize(
    ("rule", "votes", "why"),
    [
        (policy(), [yes("anna")], Why.SELF_APPROVAL),
        (policy(), [yes("ANNA ")], Why.SELF_APPROVAL),
        (policy(), [yes("ａｎｎａ")], Why.SELF_APPROVAL),
        (policy(), [no("anna")], Why.SELF_APPROVAL),
        (policy(), [yes("bert@example.org")], Why.COMMIT_AUTHOR),
        (policy(), [yes("Bert B")], Why.COMMIT_AUTHOR),
        (policy(never=["mallory"]), [yes("Mallory")], Why.EXCLUDED),
        (policy(never=["contractors"]), [yes("mallory", "Contractors")], Why.EXCLUDED),
        (policy(comment="required"), [yes("carl", reason="  ")], Why.REASON_MISSING),
        (policy(), [no("carl", reason="")], Why.REASON_MISSING),
        (policy(count=2), [yes("carl"), yes("Carl", at=LATER + timedelta(1))], Why.ALREADY_VOTED),
        (policy(expires_after="30m"), [yes("carl")], Why.TOO_LATE),
        (policy(), [yes("carl", **BROKEN)], Why.NO_BREAK_GLASS),
        (policy(**GLASS), [yes("carl", **BROKEN)], Why.NO_BREAK_GLASS),
        (policy(**GLASS), [yes("carl", "on-call", emergency=True)], Why.REASON_MISSING),
        (policy(never=["carl"], **GLASS), [yes("carl", "on-call", **BROKEN)], Why.EXCLUDED),
    ],
)
def test_vote_that_does_not_count_is_told_why(rule: ApprovalSection, votes: list[Vote], why: Why) -> None:
    said = verdict(rule, *votes)

    assert [refused.why for refused in said.refused] == [why]
    assert said.refused[0].vote is votes[-1]
    assert said.state in {State.WAITING, State.EXPIRED}


def test_nobody_decides_and_it_expires() -> None:
    rule = policy(expires_after="1h")

    assert verdict(rule, now=START + timedelta(minutes=59)).state is State.WAITING
    assert verdict(rule, now=START + timedelta(hours=1)).state is State.EXPIRED


def test_breaking_the_glass_says_that_it_was_broken_and_what_is_missing() -> None:
    begun = verdict(policy(**GLASS), yes("carl", "on-call", **BROKEN))
    broken = verdict(policy(**GLASS), yes("carl", "on-call", **BROKEN), yes("dora", "on-call", **BROKEN))

    assert (begun.emergency, begun.break_glass_missing) == (False, "1 more to use break-glass")
    assert (broken.emergency, broken.break_glass_missing) == (True, None)
    assert not verdict(policy(**GLASS), yes("carl")).emergency


def test_author_of_a_commit_is_name_and_address() -> None:
    assert names_in("Anna B <A@Example.org>") >= {"anna b", "a@example.org"}
    assert names_in("anna") == {"anna"}


PEOPLE = ["anna", "Anna", "bert@example.org", "carl", "CARL", "dora", "emil", "mallory"]
GROUPS = some.frozensets(some.sampled_from(["risk", "Platform", "on-call", "contractors"]))
VOTES = some.builds(
    Vote,
    person=some.sampled_from(PEOPLE),
    approve=some.booleans(),
    at=some.integers(0, 200).map(lambda minutes: START + timedelta(minutes=minutes)),
    groups=GROUPS,
    reason=some.sampled_from(["", "Because."]),
    emergency=some.booleans(),
)
LISTS = some.lists(VOTES, max_size=8)
POLICIES = some.builds(
    policy,
    count=some.integers(1, 3),
    groups=some.lists(some.sampled_from(["risk", "platform"]), unique=True),
    self_approval=some.booleans(),
    never=some.sampled_from([[], ["mallory"], ["contractors"]]),
    expires_after=some.sampled_from([None, "60m", "2h"]),
    comment=some.sampled_from(["required", "optional"]),
    break_glass=some.sampled_from([None, {}, {"groups": ["on-call"], "count": 3}]),
)
NOW = START + timedelta(minutes=300)


@given(POLICIES, LISTS, some.randoms(use_true_random=False))
def test_order_of_votes_never_matters(rule: ApprovalSection, votes: list[Vote], random: Any) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)

    before, after = verdict(rule, *votes, now=NOW), verdict(rule, *shuffled, now=NOW)

    assert (before.state, before.missing, before.emergency) == (after.state, after.missing, after.emergency)


@given(POLICIES, LISTS, VOTES)
def test_later_approval_never_takes_one_away(rule: ApprovalSection, votes: list[Vote], last: Vote) -> None:
    more = yes(last.person, *last.groups, reason=last.reason, emergency=last.emergency, at=NOW)

    if verdict(rule, *votes, now=NOW).state is State.APPROVED:
        assert verdict(rule, *votes, more, now=NOW).state is State.APPROVED


@given(POLICIES, LISTS)
def test_who_asked_and_who_wrote_never_count_where_that_is_off(rule: ApprovalSection, votes: list[Vote]) -> None:
    strict = rule.model_copy(update={"self_approval": False})
    ordinary = [vote for vote in votes if not vote.emergency]
    others = [vote for vote in ordinary if normal(vote.person) not in {"anna", "bert@example.org"}]

    with_them, without = verdict(strict, *ordinary, now=NOW), verdict(strict, *others, now=NOW)

    assert (with_them.state, with_them.missing) == (without.state, without.missing)


@given(POLICIES, some.lists(VOTES, min_size=1, max_size=8))
def test_one_person_never_approves_what_needs_two(rule: ApprovalSection, votes: list[Vote]) -> None:
    strict = rule.model_copy(update={"count": 2})
    by_one = [
        yes("Carl" if number % 2 else "carl", *vote.groups, reason="So.", at=vote.at, emergency=vote.emergency)
        for number, vote in enumerate(votes)
    ]

    assert verdict(strict, *by_one, now=START).state is not State.APPROVED


@given(POLICIES, LISTS)
def test_every_vote_is_counted_or_told_why_not(rule: ApprovalSection, votes: list[Vote]) -> None:
    said = verdict(rule, *votes, now=NOW)

    assert len(said.refused) <= len(votes)
    assert (said.missing != ()) == (said.state is State.WAITING)
    assert not said.emergency or said.state is State.APPROVED
