"""The actor: who does something, how they logged in, and what they may do."""

from dataclasses import dataclass
from typing import Literal

from app.errors import Forbidden
from app.identity.roles import GIVES, Grant, Permission, Role, Visible

Via = Literal["api", "cli", "portal", "chat", "worker"]


@dataclass(frozen=True)
class Actor:
    """The person or program behind a change. Its name is what events and decisions keep: one name is one person, however they came in."""

    name: str
    via: Via
    request_id: str | None = None
    groups: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()
    traceparent: str | None = None  # W3C Trace Context: the trace that their request belongs to

    def may(self, permission: Permission, model: str | None = None) -> bool:
        """For one model; without one, for what belongs to no model or to all."""
        return any(grant.allows(permission, model) for grant in self.grants)

    def models(self, permission: Permission) -> Visible:
        """The models for which this is allowed; None: all."""
        if self.may(permission):
            return None
        named = {grant.model for grant in self.grants if grant.model is not None}
        return frozenset(model for model in named if self.may(permission, model))


def forbidden(who: Actor, permission: Permission, model: str | None) -> Forbidden:
    """The error for an action that the actor's roles do not allow."""
    roles = " or ".join(role.value for role, gives in GIVES.items() if permission in gives)
    return Forbidden(
        f"{who.name} may not {permission.value} {model or 'here'}.",
        code="not_allowed",
        hint=f"This needs the role {roles}{f' for {model}' if model else ''}. Ask the people who maintain access.yml for it.",
        permission=permission.value,
    )


def require_everywhere(actor: Actor, permission: Permission) -> None:
    """For what belongs to no model, or to all. Raises Forbidden."""
    if not actor.may(permission):
        raise forbidden(actor, permission, None)


SERVICE = Actor(name="mlrelease", via="worker", grants=(Grant(Role.ADMIN),))
