"""API tokens, each with the event that makes it count: who may do everything gives them and takes them back."""

from collections.abc import Sequence
from datetime import datetime

from app.events.work import UnitOfWork
from app.identity import tokens
from app.identity.actor import require_everywhere
from app.identity.roles import Grant, Permission
from app.identity.tables import ApiToken
from app.releases.attested import ROW, row_digest


def create_token(
    work: UnitOfWork,
    *,
    name: str,
    grants: Sequence[Grant],
    expires_at: datetime,
    note: str | None = None,
    idempotency_key: str | None = None,
) -> tuple[ApiToken, str]:
    """The token, and its secret, which is not stored. Raises Forbidden, Invalid (expiry) and Conflict (a key that was used)."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    token, secret = tokens.create_token(
        work,
        name=name,
        grants=grants,
        expires_at=expires_at,
        created_by=work.actor.name,
        now=work.now,
        note=note,
        idempotency_key=idempotency_key,
    )
    told = {
        "name": token.name,
        "grants": token.grants,
        "expires_at": token.expires_at.isoformat(),
        ROW: row_digest(token),
    }
    work.append_event("token.created", subject=token.id, data=told)
    return token, secret


def revoke_token(work: UnitOfWork, token_id: str) -> ApiToken:
    """Raises Forbidden and NotFound. Revoking again changes nothing."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    token, was_valid = tokens.revoke_token(work, token_id, revoked_by=work.actor.name, now=work.now)
    if was_valid:
        work.append_event("token.revoked", subject=token.id, data={"name": token.name})
    return token
