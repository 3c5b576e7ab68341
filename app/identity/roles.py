"""Roles and their permissions, for one model or for all."""

from dataclasses import dataclass
from enum import StrEnum

Visible = frozenset[str] | None  # the models that somebody may see; None: all


def models_among(visible: Visible, model: str | None) -> Visible:
    """What is left of the models that somebody may see where one alone is asked for; None: that is every model."""
    if model is None:
        return visible
    return frozenset({model}) if visible is None else visible & {model}


class Permission(StrEnum):
    """What an action needs."""

    VIEW = "view"
    REQUEST = "request"
    APPROVE = "approve"
    OPERATE = "operate"
    DIAGNOSE = "diagnose"  # read what a model's own code wrote: it may hold what not everybody should read
    ADMINISTER = "administer"


class Role(StrEnum):
    """A set of permissions that a grant gives."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


GIVES: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.REQUESTER: frozenset({Permission.VIEW, Permission.REQUEST, Permission.DIAGNOSE}),
    Role.APPROVER: frozenset({Permission.VIEW, Permission.APPROVE}),
    Role.OPERATOR: frozenset({Permission.VIEW, Permission.OPERATE, Permission.DIAGNOSE}),
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True)
class Grant:
    """A role for one model, or for all of them."""

    role: Role
    model: str | None = None

    def allows(self, permission: Permission, model: str | None) -> bool:
        """Whether the grant covers ``model``; None: something of no model, which only a grant for all models covers."""
        return permission in GIVES[self.role] and (self.model is None or self.model == model)
