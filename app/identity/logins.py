"""Logins in progress, kept by the browser in a signed cookie.

Anybody may begin a login, so nothing is stored for it: however many begin, nobody else's is forgotten. What the cookie holds is of
use to this browser only, and with the code that the issuer sends back, which it takes once.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from app.errors import Unauthenticated
from app.identity.secrets import new_secret

LOGIN_TIME = timedelta(minutes=10)
_PURPOSE = "mlrelease.login"


@dataclass(frozen=True)
class LoginAttempt:
    """The parameters of a login in progress, and the address to open afterwards."""

    state: str
    nonce: str
    verifier: str  # of PKCE
    go_to: str
    expires_at: int  # seconds since 1970

    @property
    def challenge(self) -> str:
        """Of PKCE, method S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def begin_login(keys: Sequence[str], *, go_to: str, now: datetime) -> tuple[LoginAttempt, str]:
    """A new login, and its cookie. ``keys``: the service's signing keys, the newest first."""
    expires_at = int((now + LOGIN_TIME).timestamp())
    login = LoginAttempt(new_secret(), new_secret(), new_secret(), go_to, expires_at)
    return login, str(_serializer(keys).dumps(astuple(login)))


def end_login(keys: Sequence[str], *, state: str, cookie: str, now: datetime) -> LoginAttempt:
    """The login that this browser started with this state. Raises Unauthenticated when there is none."""
    try:
        login = LoginAttempt(*_serializer(keys).loads(cookie))
    except BadData as forged:
        raise _unknown() from forged
    if now.timestamp() >= login.expires_at or not hmac.compare_digest(login.state.encode(), state.encode()):
        raise _unknown()
    return login


def _serializer(keys: Sequence[str]) -> URLSafeSerializer:
    # The last one signs, all of them verify.
    return URLSafeSerializer(list(reversed(keys)), salt=_PURPOSE, signer_kwargs={"digest_method": hashlib.sha256})


def _unknown() -> Unauthenticated:
    return Unauthenticated(
        "This browser did not start this login, or too long ago.", code="login_unknown", hint="Log in again."
    )
