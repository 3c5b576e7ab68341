"""From credentials to an actor: API token, OIDC token, portal session, or the development login by name."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from app.database.connection import Database
from app.errors import Invalid, Misconfigured, Unauthenticated
from app.identity.access import Access, Issuer
from app.identity.actor import Actor, Via
from app.identity.bearer import verify
from app.identity.issuers import Issuers
from app.identity.last_used import LastUsed
from app.identity.names import RESERVED
from app.identity.roles import Grant, Role
from app.identity.secrets import PREFIX, secret_hash
from app.identity.sessions import find_session
from app.identity.tables import ApiToken, PortalSession
from app.identity.tokens import find_token, grants_of
from app.process.development_token import make_token, token_file
from app.settings import Settings, is_loopback

LONGEST_CLAIMED = 100


@dataclass(frozen=True)
class Credentials:
    """The credentials of a request."""

    authorization: str | None = None
    session: str | None = None
    claimed_name: str | None = None
    claimed_groups: str = ""


class Record(Protocol):
    """Whether the event chain says that this service wrote a row. A row that was written past it does not count."""

    def token_counts(self, session: Session, token: ApiToken) -> bool: ...

    def session_counts(self, session: Session, opened: PortalSession) -> bool: ...

    def believes(self, subject: str, digest: str) -> bool:
        """Whether a row with this digest was found to count a moment ago."""
        ...


class Authentication:
    """The authentication of one process. Raises Misconfigured when the settings would give access to everybody."""

    def __init__(self, settings: Settings, database: Database, access: Access, record: Record) -> None:
        if settings.development_login:
            _require_loopback(settings)
        self.settings = settings
        self.access = access
        self.issuers = Issuers(seconds=settings.issuer_seconds)
        self.last_used = LastUsed(database)
        self._database = database
        self._record = record
        self._development_token = make_token(settings.data) if settings.development_login else None

    def check_host(self, host: str) -> None:
        """Raises Unauthenticated for a request that was sent to another name than this machine's own, where names are believed.

        A page on the internet can have its own name lead to loopback, and is then at home here for a browser: its name gives it away.
        """
        if self.settings.development_login and not is_loopback(_name_of(host)):
            raise Unauthenticated(
                f"The development login works on loopback only. This request was sent to {host!r}.",
                code="host_not_loopback",
                hint="Send it to 127.0.0.1 or localhost.",
            )

    async def authenticate(self, credentials: Credentials, *, request_id: str) -> Actor:
        """Who it is. Raises Unauthenticated, or Unavailable when that cannot be found out now."""
        if credentials.authorization is not None:
            token = bearer_of(credentials.authorization)
            if self.is_development_token(token):
                return _developer(credentials, request_id=request_id)
            return await self._by_token(token, request_id=request_id)
        if credentials.session is not None:
            return await run_in_threadpool(self.actor_of_session, credentials.session, request_id=request_id)
        raise Unauthenticated(
            "No credentials were sent.",
            code="credentials_missing",
            hint=f"Send `Authorization: Bearer TOKEN`. The token is in {token_file(self.settings.data)}; commands find it "
            f"with MLRELEASE_DATA={self.settings.data.absolute()}."
            if self.settings.development_login
            else "Send `Authorization: Bearer TOKEN`. Commands take it from MLRELEASE_TOKEN.",
        )

    def recall(self, token: ApiToken, *, digest: str, at: datetime) -> Actor | None:
        """The holder of an API token whose row was just read, at ``at``; None: it is for ``authenticate`` to say why, or to find out.

        ``digest``: over the row. So a token that was revoked, has expired or was changed past this service is not recalled.
        """
        if token.revoked_at is not None or token.expires_at <= at or not self._record.believes(token.id, digest):
            return None
        self.last_used.note(token.id, at=at)
        return self.access.actor_of_token(token.name, grants_of(token))

    def is_development_token(self, token: str) -> bool:
        """Whether this is the token of the development login. Always False where that is off."""
        expected = self._development_token
        return expected is not None and hmac.compare_digest(expected.encode(), token.encode())

    def actor_of_session(self, secret: str, *, request_id: str) -> Actor:
        """The person of a portal session. Grants are evaluated each time, because access.yml may have changed."""
        now = self._database.now()
        with self._database.read() as session:
            found = find_session(session, secret, now=now)
            if not self._record.session_counts(session, found):
                raise Unauthenticated("You are not logged in.", code="session_not_on_record", hint="Log in.")
        if found.issuer is not None:
            return self.access.actor_of_claims(found.issuer, found.claims, via="portal", request_id=request_id)
        if not self.settings.development_login:
            raise Unauthenticated("You are not logged in.", code="session_ended", hint="Log in.")
        return developer(found.name, via="portal", request_id=request_id, groups=_groups(found))

    def claims_to_keep(self, issuer: Issuer, claims: Mapping[str, object]) -> dict[str, object]:
        """The claims that decide a person's name, groups and grants, and no others."""
        return {claim: value for claim, value in claims.items() if claim in issuer.claims}

    async def close(self) -> None:
        await self.issuers.close()

    async def _by_token(self, token: str, *, request_id: str) -> Actor:
        if not token.startswith(PREFIX):
            if self.settings.development_login and not self.access.issuers:
                raise Unauthenticated(
                    "The token is neither an API token nor this service's development token.",
                    code="token_malformed",
                    hint=f"The development token is in {token_file(self.settings.data)}. Each start creates a new one.",
                )
            issuer, claims = await verify(token, access=self.access, issuers=self.issuers)
            return self.access.actor_of_claims(issuer.url, claims, via="api", request_id=request_id)
        found, now = await run_in_threadpool(self._find_token, token)
        self.last_used.note(found.id, at=now)
        return self.access.actor_of_token(found.name, grants_of(found), request_id=request_id)

    def _find_token(self, token: str) -> tuple[ApiToken, datetime]:
        """By the clock that its expiry was made with, on whatever machine that was."""
        now = self._database.now()
        with self._database.read() as session:
            found = find_token(session, token, now=now)
            if not self._record.token_counts(session, found):
                raise Unauthenticated(
                    f"The event chain does not confirm the token {found.id} as it is.",
                    code="token_not_on_record",
                    hint="`mlrelease audit verify` shows what was changed past the service.",
                )
            return found, now


def developer(name: str, *, via: Via, request_id: str, groups: frozenset[str]) -> Actor:
    """The actor of the development login. Raises Invalid for an invalid name."""
    is_said = name.isascii() and name.isprintable() and 0 < len(name) <= LONGEST_CLAIMED
    if not is_said or name != name.strip() or name in RESERVED:
        raise Invalid(
            f"A name must have 1 to {LONGEST_CLAIMED} printable characters, and must not be the service's own.",
            code="malformed",
            hint="Set MLRELEASE_ACTOR, or send `Mlrelease-Actor: NAME`.",
        )
    return Actor(name, via, request_id, groups, (Grant(Role.ADMIN),))


def _developer(credentials: Credentials, *, request_id: str) -> Actor:
    if credentials.claimed_name is None:
        raise Unauthenticated(
            "The request has no name of its sender.",
            code="name_missing",
            hint="Send `Mlrelease-Actor: NAME` beside the token.",
        )
    groups = frozenset(filter(None, (group.strip() for group in credentials.claimed_groups.split(","))))
    return developer(credentials.claimed_name, via="api", request_id=request_id, groups=groups)


def _groups(found: PortalSession) -> frozenset[str]:
    return frozenset(found.claims.get("groups", ()))


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def bearer_of(authorization: str) -> str:
    """The token in a header. Raises Unauthenticated."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "The Authorization header is not valid.",
            code="credentials_malformed",
            hint="Send `Authorization: Bearer TOKEN`.",
        )
    return token.strip()


def api_token_hash(authorization: str | None) -> str | None:
    """The hash of the API token in a header; None where there is none, or something else."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    return secret_hash(token) if scheme.lower() == "bearer" and token.startswith(PREFIX) else None


def _require_loopback(settings: Settings) -> None:
    elsewhere = settings.public_url and not is_loopback(urlsplit(settings.public_url).hostname or "")
    if is_loopback(settings.host) and not settings.behind_proxy and not elsewhere:
        return
    reason = (
        f"MLRELEASE_HOST is {settings.host}"
        if not is_loopback(settings.host)
        else "MLRELEASE_BEHIND_PROXY or MLRELEASE_PUBLIC_URL is set"
    )
    raise Misconfigured(
        f"{reason}, but MLRELEASE_DEVELOPMENT_LOGIN accepts any name, so the service must listen on loopback only.",
        code="development_login_in_the_open",
        hint="Set MLRELEASE_DEVELOPMENT_LOGIN=false and use tokens, or listen on 127.0.0.1 without a proxy.",
    )
