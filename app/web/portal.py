"""What every page uses: authentication, database and queue; and the visitor who is logged in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from sqlmodel import Session

from app.database.concurrency import ConcurrencyLimit
from app.database.connection import Database
from app.errors import Unauthenticated
from app.identity.actor import Actor
from app.identity.authentication import Authentication
from app.identity.cookies import session_cookie
from app.identity.request_state import note_actor, request_id_of
from app.identity.roles import Permission
from app.identity.sessions import check_csrf, csrf_token
from app.releasing.permissions import require_for_release
from app.releasing.work import Releasing
from app.web.forms import Fields

Result = TypeVar("Result")


@dataclass(frozen=True)
class Portal:
    """The portal of one API process."""

    authentication: Authentication
    releasing: Releasing
    writes: ConcurrencyLimit

    @property
    def database(self) -> Database:
        return self.releasing.database

    @property
    def address(self) -> str:
        """The portal's public address."""
        settings = self.authentication.settings
        return settings.public_url or f"http://{settings.host}:{settings.port}"

    def read(self, query: Callable[[Session], Result]) -> Result:
        with self.database.read() as session:
            return query(session)


@dataclass(frozen=True)
class Visitor:
    """A person who is logged in. Their forms must send ``csrf_token``."""

    actor: Actor
    secret: str

    @property
    def csrf_token(self) -> str:
        return csrf_token(self.secret)


def _portal(request: Request) -> Portal:
    return cast(Portal, request.app.state.portal)


CurrentPortal = Annotated[Portal, Depends(_portal)]


def current_visitor(request: Request, portal: CurrentPortal) -> Visitor:
    """The person who is logged in. Raises Unauthenticated, which ``PageRoute`` turns into a redirect to the login."""
    secret = request.cookies.get(session_cookie(portal.authentication.settings))
    if secret is None:
        raise Unauthenticated("You are not logged in.", code="session_ended", hint="Log in.")
    actor = portal.authentication.actor_of_session(secret, request_id=request_id_of(request))
    return Visitor(note_actor(request, actor), secret)


CurrentVisitor = Annotated[Visitor, Depends(current_visitor)]


def _allowed_visitor(visitor: CurrentVisitor, release_id: str) -> Visitor:
    """Raises NotFound for a release that the visitor may not see, as for one that does not exist."""
    require_visible(visitor.actor, release_id)
    return visitor


def require_visible(actor: Actor, release_id: str) -> None:
    """Raises NotFound, the same for a hidden release as for a missing one."""
    require_for_release(actor, Permission.VIEW, release_id)


AllowedVisitor = Annotated[Visitor, Depends(_allowed_visitor)]


def _checked_fields(visitor: CurrentVisitor, fields: Fields) -> dict[str, str]:
    """The form's fields. Raises Forbidden without the session's CSRF token: another site made the browser send it."""
    check_csrf(visitor.secret, fields.get("csrf_token", ""))
    return fields


Form = Annotated[dict[str, str], Depends(_checked_fields)]
