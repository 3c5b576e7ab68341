"""Whether a stage is approved: a pure function of its policy, its requester and the votes.

The votes are a set: their order never matters, and adding an approval never takes one away. A vote that does not count is kept
apart with the reason, so that whoever gave it can be told.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.planning.policy import ApprovalSection, length_of


class State(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Why(StrEnum):
    """Why a vote does not count: codes of the API."""

    SELF_APPROVAL = "self_approval"
    COMMIT_AUTHOR = "commit_author"
    EXCLUDED = "excluded_by_policy"
    ALREADY_VOTED = "already_voted"
    REASON_MISSING = "reason_missing"
    TOO_LATE = "approval_expired"
    NO_BREAK_GLASS = "break_glass_not_allowed"


@dataclass(frozen=True)
class Vote:
    """One person's vote. ``groups``: the person's groups at that time."""

    person: str
    approve: bool
    at: datetime
    groups: frozenset[str] = frozenset()
    reason: str = ""
    emergency: bool = False


@dataclass(frozen=True)
class Asked:
    """What is voted on: its requester, its commit's author, and since when approval is requested."""

    requester: str
    author: str | None  # of the training job's commit, as its record says: a name, an address, or both
    at: datetime


@dataclass(frozen=True)
class RefusedVote:
    """A vote that does not count."""

    vote: Vote
    why: Why
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """``missing`` says what is still needed; empty: nothing. ``emergency``: approved by break-glass."""

    state: State
    missing: tuple[str, ...]
    refused: tuple[RefusedVote, ...]
    emergency: bool = False
    break_glass_missing: str | None = None  # once somebody has begun to break it


def evaluate(policy: ApprovalSection, asked: Asked, votes: Sequence[Vote], *, now: datetime) -> Verdict:
    """The result of these votes."""
    counted: list[Vote] = []
    refused: list[RefusedVote] = []
    heard: set[tuple[str, bool]] = set()  # one vote a person, and one more for break-glass
    for vote in sorted(votes, key=_rank):
        no = _refusal(policy, asked, vote, heard)
        if no is None:
            counted.append(vote)
            heard.add((normal(vote.person), vote.emergency))
        else:
            refused.append(RefusedVote(vote, *no))
    missing = _missing(policy, counted)
    glass = _missing_for_break_glass(policy, counted)
    state = _state(policy, asked, counted, is_enough=not missing or glass == 0, now=now)
    return Verdict(
        state,
        missing if state is State.WAITING else (),
        tuple(refused),
        emergency=glass == 0 and state is State.APPROVED,
        break_glass_missing=f"{glass} more to use break-glass" if glass and state is State.WAITING else None,
    )


def expires_at(policy: ApprovalSection, asked_at: datetime) -> datetime | None:
    """When the time to decide ends; None: never."""
    return None if policy.expires_after is None else asked_at + length_of(policy.expires_after)


def normal(name: str) -> str:
    """A name as it is compared: however it is written, one name is one person."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def _rank(vote: Vote) -> tuple[object, ...]:
    return vote.at, vote.approve, vote.emergency, vote.person, vote.reason, sorted(vote.groups)


def _state(
    policy: ApprovalSection,
    asked: Asked,
    counted: Collection[Vote],
    *,
    is_enough: bool,
    now: datetime,
) -> State:
    end = expires_at(policy, asked.at)
    if any(not vote.approve for vote in counted):
        return State.REJECTED
    if is_enough:
        return State.APPROVED
    return State.EXPIRED if end is not None and now >= end else State.WAITING


def _refusal(policy: ApprovalSection, asked: Asked, vote: Vote, heard: set[tuple[str, bool]]) -> tuple[Why, str] | None:
    """Why this vote does not count, as code and sentence."""
    person = normal(vote.person)
    end = expires_at(policy, asked.at)
    if end is not None and vote.at >= end and not vote.emergency:
        return Why.TOO_LATE, f"The time to decide ended at {end:%Y-%m-%d %H:%M} UTC."
    if (person, vote.emergency) in heard:
        return Why.ALREADY_VOTED, f"{vote.person} has already decided on this rollout."
    if _is_among(vote, policy.never):
        return Why.EXCLUDED, f"The policy of this stage does not let {vote.person} decide."
    if not vote.reason.strip() and (policy.comment == "required" or vote.emergency or not vote.approve):
        return Why.REASON_MISSING, f"{_what(vote)} needs a reason."
    if vote.emergency:
        return _no_break_glass(policy, vote)
    if not policy.self_approval and person == normal(asked.requester):
        return Why.SELF_APPROVAL, f"{vote.person} requested this release, so others must decide on it."
    if not policy.self_approval and asked.author is not None and person in names_in(asked.author):
        return (
            Why.COMMIT_AUTHOR,
            f"{vote.person} wrote the commit that the model was trained from, so others must decide on it.",
        )
    return None


def _no_break_glass(policy: ApprovalSection, vote: Vote) -> tuple[Why, str] | None:
    """The requester may use break-glass too: ``count`` is at least two people."""
    if policy.break_glass is None:
        return Why.NO_BREAK_GLASS, "The policy of this stage has no `break_glass`, so it cannot be bypassed."
    if policy.break_glass.groups and not _is_among(vote, policy.break_glass.groups):
        allowed = ", ".join(policy.break_glass.groups)
        return Why.NO_BREAK_GLASS, f"{vote.person} is in none of the groups that may use break-glass: {allowed}."
    return None


def _missing(policy: ApprovalSection, counted: Collection[Vote]) -> tuple[str, ...]:
    approvals = [vote for vote in counted if vote.approve and not vote.emergency]
    left = policy.count - len(approvals)
    voted = {normal(group) for vote in approvals for group in vote.groups}
    open_groups = [group for group in policy.groups if normal(group) not in voted]
    if left < 1:
        return tuple(f"an approval from group {group}" for group in open_groups)
    more = f"{left} more approval{'s' if left > 1 else ''}"
    if left == 1 and len(open_groups) == 1:
        return (f"{more}, from group {open_groups[0]}",)
    if left < len(open_groups):  # one person may be in several groups
        return (more, *(f"one from group {group}" for group in open_groups))
    within = " and ".join(f"one from group {group}" for group in open_groups)
    return (f"{more}, including {within}" if within else more,)


def _missing_for_break_glass(policy: ApprovalSection, counted: Collection[Vote]) -> int | None:
    """How many more people must use break-glass; None where nobody has."""
    broken = sum(vote.emergency for vote in counted)
    return None if policy.break_glass is None or not broken else max(policy.break_glass.count - broken, 0)


def _is_among(vote: Vote, people: Collection[str]) -> bool:
    return not {normal(each) for each in people}.isdisjoint({normal(vote.person), *map(normal, vote.groups)})


def names_in(author: str) -> frozenset[str]:
    """The names of a commit's author: of ``Anna B <anna@example.org>`` the name, the address, and the whole."""
    parts = re.fullmatch(r"\s*(?P<name>[^<]*?)\s*<(?P<address>[^>]*)>\s*", author)
    written = [author, *(parts.groups() if parts else ())]
    return frozenset(normal(each) for each in written if each.strip())


def _what(vote: Vote) -> str:
    if not vote.approve:
        return "A rejection"
    return "Break-glass" if vote.emergency else "An approval"
