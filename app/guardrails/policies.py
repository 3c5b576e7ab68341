"""Comparing approval policies: the stricter of two in each dimension, and the dimensions in which one is weaker. Pure.

None is the weakest: no approval. What the stricter of two approves, each of the two would have approved.
"""

from functools import reduce

from app.approvals.policy import normal
from app.planning.policy import ApprovalSection, BreakGlassSection, length_of

Policy = ApprovalSection | None


def stricter(one: Policy, other: Policy) -> Policy:
    """At least as strict as both, in each dimension."""
    if one is None or other is None:
        return one or other
    lengths = [each for each in (one.expires_after, other.expires_after) if each is not None]
    return ApprovalSection(
        count=max(one.count, other.count),
        groups=_both(one.groups, other.groups),
        self_approval=one.self_approval and other.self_approval,
        never=_both(one.never, other.never),
        expires_after=min(lengths, key=length_of) if lengths else None,
        comment="required" if "required" in {one.comment, other.comment} else "optional",
        break_glass=_stricter_glass(one.break_glass, other.break_glass),
    )


def strictest(*policies: Policy) -> Policy:
    return reduce(stricter, policies, None)


def weaker_in(policy: Policy, least: Policy) -> list[str]:
    """The dimensions in which a policy is weaker than another; empty: none."""
    if least is None:
        return []
    if policy is None:
        return ["approval"]
    raised = stricter(policy, least)
    assert raised is not None, "neither of them is none"
    return [field for field in ApprovalSection.model_fields if _said(field, policy) != _said(field, raised)]


def _said(field: str, policy: ApprovalSection) -> object:
    """A field as it is compared: groups in any order, and however they are written."""
    match getattr(policy, field):
        case tuple() as names:
            return {normal(name) for name in names}
        case BreakGlassSection() as glass:
            return glass.count, frozenset(map(normal, glass.groups))
        case str() as length if field == "expires_after":
            return length_of(length)
        case other:
            return other


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """All names of both, each once; in one order, so that the same two always give the same policy."""
    named = {normal(name): name for name in sorted((*some, *others), reverse=True)}
    return tuple(named[each] for each in sorted(named))


def _stricter_glass(one: BreakGlassSection | None, other: BreakGlassSection | None) -> BreakGlassSection | None:
    """Whoever both let break the glass; where that is nobody, it cannot be broken."""
    if one is None or other is None:
        return None
    count = max(one.count, other.count)
    if not one.groups or not other.groups:
        return BreakGlassSection(count=count, groups=_both(one.groups, other.groups))
    allowed = {normal(name) for name in other.groups}
    groups = tuple(name for name in _both(one.groups, ()) if normal(name) in allowed)
    return BreakGlassSection(count=count, groups=groups) if groups else None
