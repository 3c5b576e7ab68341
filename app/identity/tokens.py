"""API tokens: the only writer of them. Nothing here commits, and the secret itself is never stored."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from app.errors import Conflict, Invalid, NotFound, Unauthenticated
from app.identity.roles import Grant, Role
from app.identity.secrets import is_token, new_token, secret_hash
from app.identity.tables import ApiToken

LONGEST = timedelta(days=366)


def create_token(
    session: Session,
    *,
    name: str,
    grants: Sequence[Grant],
    expires_at: datetime,
    created_by: str,
    now: datetime,
    note: str | None = None,
    idempotency_key: str | None = None,
) -> tuple[ApiToken, str]:
    """Create a token and return its secret, which is not stored. Raises Invalid, or Conflict for a used idempotency key."""
    if not now < expires_at <= now + LONGEST:
        raise Invalid(f"A token must be valid for more than 0 and at most {LONGEST.days} days.", code="expiry_invalid")
    _require_new(session, created_by, idempotency_key)
    secret = new_token()
    token = ApiToken(
        id=f"token-{secrets.token_hex(4)}",
        hash=secret_hash(secret),
        name=name,
        note=note,
        grants=[{"role": grant.role.value, "model": grant.model} for grant in grants],
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
        idempotency_key=idempotency_key,
    )
    session.add(token)
    session.flush()
    return token, secret


def revoke_token(session: Session, token_id: str, *, revoked_by: str, now: datetime) -> tuple[ApiToken, bool]:
    """The token, and whether it was valid until now. Raises NotFound."""
    token = session.get(ApiToken, token_id, with_for_update=True)
    if token is None:
        raise NotFound(f"There is no token {token_id!r}.", code="token_not_found", hint="`mlrelease tokens list`")
    if token.revoked_at is not None:
        return token, False
    token.revoked_at, token.revoked_by = now, revoked_by
    session.add(token)
    session.flush()
    return token, True


def find_token(session: Session, secret: str, *, now: datetime) -> ApiToken:
    """The token with this secret. Raises Unauthenticated when there is none, or it is no longer valid."""
    if not is_token(secret):
        raise Unauthenticated(
            "The API token is malformed: a character is missing or wrong.",
            code="token_malformed",
            hint="Copy the whole token again.",
        )
    token = session.exec(select(ApiToken).where(ApiToken.hash == secret_hash(secret))).first()
    if token is None:
        raise Unauthenticated("The token is unknown.", code="token_unknown")
    if token.revoked_at is not None:
        raise Unauthenticated(f"The token {token.id} was revoked.", code="token_revoked", hint="Request a new one.")
    if token.expires_at <= now:
        raise Unauthenticated(f"The token {token.id} has expired.", code="token_expired", hint="Request a new one.")
    return token


def list_tokens(session: Session, *, before: tuple[datetime, str] | None = None, limit: int = 50) -> list[ApiToken]:
    """The newest first; ``before`` is when, and the id, of the token where the page before ended."""
    query = select(ApiToken).order_by(col(ApiToken.created_at).desc(), col(ApiToken.id).desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(col(ApiToken.created_at), col(ApiToken.id)) < before)
    return list(session.exec(query).all())


def is_there_an_admin(session: Session, *, now: datetime, counts: Callable[[Session, ApiToken], bool]) -> bool:
    """Whether there is a valid token with the role admin for all models."""
    valid = select(ApiToken).where(col(ApiToken.revoked_at).is_(None), ApiToken.expires_at > now)
    return any(Grant(Role.ADMIN) in grants_of(token) and counts(session, token) for token in session.exec(valid).all())


def note_use(session: Session, token_id: str, *, at: datetime) -> None:
    token = session.get(ApiToken, token_id)
    if token is not None and (token.last_used_at is None or token.last_used_at < at):
        token.last_used_at = at
        session.add(token)


def grants_of(token: ApiToken) -> tuple[Grant, ...]:
    return tuple(Grant(Role(each["role"]), each["model"]) for each in token.grants)


def _require_new(session: Session, created_by: str, key: str | None) -> None:
    if key is None:
        return
    same = (ApiToken.created_by == created_by, ApiToken.idempotency_key == key)
    known = session.exec(select(ApiToken).where(*same)).first()
    if known is not None:
        raise Conflict(
            f"This request has already created the token {known.id}. Its secret was shown once and is not stored.",
            code="token_created_already",
            hint=f"If the response was lost, revoke {known.id} and create another token with a new key.",
            token=known.id,
        )
