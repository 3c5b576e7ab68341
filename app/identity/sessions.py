"""The portal's logins and sessions: the only writer of them. Cookies and states are stored as hashes. Nothing here commits."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, select

from app.errors import Forbidden, Unauthenticated
from app.identity.secrets import kept, new_secret
from app.identity.tables import LoginAttempt, PortalSession

LOGIN_TIME = timedelta(minutes=10)
MOST_ATTEMPTS = 1000  # that have not come back: logging in is open to everybody


@dataclass(frozen=True)
class Attempt:
    """A login that has begun: what the browser is sent to the issuer with, and ``browser``, what its cookie holds."""

    state: str
    browser: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """Of PKCE, method S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def begin_login(session: Session, *, go_to: str, now: datetime) -> Attempt:
    """Remember that somebody was sent to the issuer. The oldest are forgotten when there are too many."""
    session.execute(delete(LoginAttempt).where(col(LoginAttempt.expires_at) <= now))
    keep = select(LoginAttempt.state).order_by(col(LoginAttempt.expires_at).desc()).limit(MOST_ATTEMPTS).subquery()
    session.execute(delete(LoginAttempt).where(col(LoginAttempt.state).not_in(select(keep.c.state))))
    attempt = Attempt(new_secret(), new_secret(), new_secret(), new_secret())
    session.add(
        LoginAttempt(
            state=kept(attempt.state),
            browser=kept(attempt.browser),
            nonce=attempt.nonce,
            verifier=attempt.verifier,
            go_to=go_to,
            expires_at=now + LOGIN_TIME,
        )
    )
    session.flush()
    return attempt


def end_login(session: Session, *, state: str, browser: str, now: datetime) -> LoginAttempt:
    """The login that this browser began under this state, which is used up. Raises Unauthenticated when there is none."""
    found = session.get(LoginAttempt, kept(state), with_for_update=True)
    if found is None or found.expires_at <= now or not hmac.compare_digest(found.browser, kept(browser)):
        raise Unauthenticated(
            "This browser has not begun this login, or too long ago.", code="login_unknown", hint="Log in again."
        )
    session.delete(found)
    session.flush()
    return found


def open_session(
    session: Session, *, name: str, issuer: str | None, claims: Mapping[str, Any], now: datetime, hours: float
) -> str:
    """A new session; the secret for its cookie. Never one that was there before: nobody can have planted it."""
    session.execute(delete(PortalSession).where(col(PortalSession.expires_at) <= now))
    secret = new_secret()
    session.add(
        PortalSession(
            id=kept(secret),
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
    """Raises Unauthenticated when it has ended or never was."""
    found = session.get(PortalSession, kept(secret))
    if found is None or found.expires_at <= now:
        raise Unauthenticated("You are not logged in.", code="session_ended", hint="Log in.")
    return found


def close_session(session: Session, secret: str) -> PortalSession | None:
    """The session that has ended now; None: there was none."""
    found = session.get(PortalSession, kept(secret))
    if found is not None:
        session.delete(found)
        session.flush()
    return found


def csrf_token(secret: str) -> str:
    """What a form must send along with the session's cookie. Another site can cause the cookie to be sent, and cannot know this."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def check_csrf(secret: str, sent: str) -> None:
    """Raises Forbidden."""
    if not hmac.compare_digest(csrf_token(secret).encode(), sent.encode()):
        raise Forbidden(
            "This form is not one of this session.", code="csrf_token_wrong", hint="Load the page again and repeat."
        )
