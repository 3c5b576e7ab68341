"""The portal's sessions: the only writer of them. Cookies are stored as hashes. Nothing here commits."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete

from app.errors import Forbidden, Unauthenticated
from app.identity.secrets import new_secret, secret_hash
from app.identity.tables import PortalSession


def open_session(
    session: Session, *, name: str, issuer: str | None, claims: Mapping[str, Any], now: datetime, hours: float
) -> str:
    """Create a session; the secret for its cookie is new, so nobody can have planted it."""
    session.execute(delete(PortalSession).where(col(PortalSession.expires_at) <= now))
    secret = new_secret()
    session.add(
        PortalSession(
            id=secret_hash(secret),
            name=name,
            issuer=issuer,
            claims=dict(claims),
            created_at=now,
            expires_at=now + timedelta(hours=hours),
        )
    )
    session.flush()
    return secret


def find_session(session: Session, secret: str, *, now: datetime) -> PortalSession:
    """Raises Unauthenticated when it has ended or never existed."""
    found = known_session(session, secret)
    if found is None or found.expires_at <= now:
        raise Unauthenticated("You are not logged in.", code="session_ended", hint="Log in.")
    return found


def close_session(session: Session, secret: str) -> bool:
    """Whether there was one."""
    found = known_session(session, secret)
    if found is not None:
        session.delete(found)
        session.flush()
    return found is not None


def known_session(session: Session, secret: str) -> PortalSession | None:
    """Also one that has ended by itself."""
    return session.get(PortalSession, secret_hash(secret))


def csrf_token(secret: str) -> str:
    """The CSRF token of a session: another site can make a browser send the cookie, but does not know this token."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def check_csrf(secret: str, sent: str) -> None:
    """Raises Forbidden."""
    if not hmac.compare_digest(csrf_token(secret).encode(), sent.encode()):
        raise Forbidden(
            "The form belongs to another session.", code="csrf_token_wrong", hint="Reload the page and try again."
        )
