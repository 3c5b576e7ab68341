"""Login and logout: OIDC authorization code flow with PKCE, or the development login by name."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from app.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from app.events.work import UnitOfWork
from app.identity.access import Access, Login
from app.identity.actor import Actor
from app.identity.authentication import developer
from app.identity.bearer import verify_login
from app.identity.cookies import attributes, login_cookie, session_cookie
from app.identity.logins import LOGIN_TIME, begin_login, end_login
from app.identity.request_state import request_id_of
from app.identity.sessions import check_csrf, close_session, find_session, known_session, open_session
from app.notifications.keys import signing_keys
from app.process.development_token import token_file
from app.releases.attested import ROW, row_digest
from app.web.forms import read_form
from app.web.pages import HEADERS, PageRoute, page
from app.web.portal import CurrentPortal, Portal

router = APIRouter(include_in_schema=False, route_class=PageRoute)

HOME = "/"


@router.get("/login")
async def login(
    portal: CurrentPortal,
    go_to: Annotated[str, Query(max_length=2000)] = HOME,
    token: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Redirects to the issuer, or shows the form of the development login. Raises NotFound when neither is set up.

    ``token``: of the development login; the link that ``mlrelease up`` prints contains it.
    """
    settings, go_to = portal.authentication.settings, safe_target(go_to)
    if settings.development_login:
        return _name_form(portal, {"go_to": go_to, "token": token})
    setup = _login_setup(portal.authentication.access)
    endpoint = await portal.authentication.issuers.endpoint(setup.issuer.url, "authorization_endpoint")
    begun, cookie = begin_login(signing_keys(settings), go_to=go_to, now=await run_in_threadpool(portal.database.now))
    asked = {
        "response_type": "code",
        "client_id": setup.client_id,
        "redirect_uri": _redirect_uri(portal),
        "scope": " ".join(setup.scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": begun.challenge,
        "code_challenge_method": "S256",
    }
    answer = RedirectResponse(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", 303, headers=HEADERS)
    age = int(LOGIN_TIME.total_seconds())
    answer.set_cookie(login_cookie(settings), cookie, max_age=age, **attributes(settings))
    return answer


@router.get("/login/callback")
async def callback(
    portal: CurrentPortal,
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The issuer redirects here. Raises Unauthenticated unless this browser started the login."""
    settings, issuers = portal.authentication.settings, portal.authentication.issuers
    setup = _login_setup(portal.authentication.access)
    cookie = request.cookies.get(login_cookie(settings), "")
    begun = end_login(
        signing_keys(settings), state=state, cookie=cookie, now=await run_in_threadpool(portal.database.now)
    )
    if error or not code:
        raise Unauthenticated("The login at the issuer failed.", code="login_refused", hint="Log in again.")
    token = await _exchange(portal, setup, code=code, verifier=begun.verifier)
    claims = await verify_login(setup.issuer, token, client_id=setup.client_id, nonce=begun.nonce, issuers=issuers)
    actor = portal.authentication.access.actor_of_claims(
        setup.issuer.url, claims, via="portal", request_id=request_id_of(request)
    )
    kept = portal.authentication.claims_to_keep(setup.issuer, claims)
    async with portal.writes.slot():
        answer = await run_in_threadpool(
            lambda: _start_session(portal, request, actor, issuer=setup.issuer.url, claims=kept, go_to=begun.go_to)
        )
    answer.delete_cookie(login_cookie(settings), **attributes(settings))
    return answer


@router.post("/login")
async def log_in_by_name(portal: CurrentPortal, request: Request) -> Response:
    """The development login."""
    if not portal.authentication.settings.development_login:
        raise NotFound("Not found.", code="route_not_found")
    _require_same_origin(request)
    form = await read_form(request)
    if not portal.authentication.is_development_token(form.get("token", "").strip()):
        return _name_form(portal, form)
    groups = sorted(filter(None, (group.strip() for group in form.get("groups", "").split(","))))
    actor = developer(form.get("name", ""), via="portal", request_id=request_id_of(request), groups=frozenset(groups))
    go_to = safe_target(form.get("go_to", HOME))
    return await run_in_threadpool(
        lambda: _start_session(portal, request, actor, issuer=None, claims={"groups": groups}, go_to=go_to)
    )


def _name_form(portal: Portal, given: Mapping[str, str]) -> Response:
    """The login form; with the given values again after a wrong token."""
    token = given.get("token", "").strip()
    is_right = portal.authentication.is_development_token(token)
    is_wrong = bool(token) and not is_right
    return page(
        "login.html",
        status=401 if is_wrong else 200,
        go_to=safe_target(given.get("go_to", HOME)),
        token=token if is_right else "",
        token_file=token_file(portal.authentication.settings.data),
        refused="This token is not valid. Each start of the service creates a new one." if is_wrong else "",
        name=given.get("name", ""),
        groups=given.get("groups", ""),
    )


@router.post("/logout")
async def logout(portal: CurrentPortal, request: Request) -> Response:
    """Ends the portal's session, not the issuer's. Raises Forbidden without the session's CSRF token."""
    settings = portal.authentication.settings
    secret = request.cookies.get(session_cookie(settings))
    if secret is not None:
        form = await read_form(request)
        check_csrf(secret, form.get("csrf_token", ""))
        await run_in_threadpool(_end_session, portal, request, secret)
    # Not to /login, which leads to the issuer: our policy lets no form end elsewhere, and who logs out wants to stay out.
    answer = RedirectResponse("/logged-out", 303, headers=HEADERS)
    answer.delete_cookie(session_cookie(settings), **attributes(settings))
    return answer


@router.get("/logged-out")
def logged_out() -> Response:
    return page("logged_out.html")


def safe_target(address: str) -> str:
    """The address to open after the login: ``address`` if it is certainly on this site, else the home page."""
    try:
        place = urlsplit(address)
    except ValueError:
        return HOME
    is_ours = address.startswith("/") and not address.startswith("//") and not place.netloc and not place.scheme
    is_plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if is_ours and is_plain else HOME


def _start_session(
    portal: Portal, request: Request, actor: Actor, *, issuer: str | None, claims: Mapping[str, Any], go_to: str
) -> RedirectResponse:
    """Start a session with a new cookie; the browser's previous session ends."""
    settings = portal.authentication.settings
    before = request.cookies.get(session_cookie(settings))

    def enter(work: UnitOfWork) -> str:
        if before is not None:
            close_session(work, before)
        secret = open_session(
            work, name=actor.name, issuer=issuer, claims=claims, now=work.now, hours=settings.session_hours
        )
        data = {"issuer": issuer, ROW: row_digest(find_session(work, secret, now=work.now))}
        work.append_event("session.opened", subject=actor.name, data=data)
        return secret

    answer = RedirectResponse(go_to, 303, headers=HEADERS)
    age = int(settings.session_hours * 3600)
    secret = portal.releasing.transact(actor, enter)
    answer.set_cookie(session_cookie(settings), secret, max_age=age, **attributes(settings))
    return answer


def _end_session(portal: Portal, request: Request, secret: str) -> None:
    known = portal.read(lambda session: known_session(session, secret))
    if known is None:
        return

    def leave(work: UnitOfWork) -> None:
        if close_session(work, secret):
            work.append_event("session.closed", subject=work.actor.name)

    portal.releasing.transact(Actor(known.name, "portal", request_id_of(request)), leave)


async def _exchange(portal: Portal, setup: Login, *, code: str, verifier: str) -> str:
    settings, issuers = portal.authentication.settings, portal.authentication.issuers
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_uri(portal),
        "client_id": setup.client_id,
        "code_verifier": verifier,
    }
    if settings.login_client_secret is not None:
        form["client_secret"] = settings.login_client_secret.get_secret_value()
    status, answer = await issuers.exchange(await issuers.endpoint(setup.issuer.url, "token_endpoint"), form)
    if status >= 500:
        raise Unavailable("The issuer does not respond.", code="issuer_unreachable", hint="Log in again in a moment.")
    try:
        token = json.loads(answer)["id_token"] if status == 200 else None
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str):
        raise Unauthenticated("The login at the issuer failed.", code="login_refused", hint="Log in again.")
    return token


def _require_same_origin(request: Request) -> None:
    """Refuse a login form of another site, which could log a browser in under a name of its choice."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        raise Forbidden("The form was sent from another site.", code="origin_wrong")


def _login_setup(access: Access) -> Login:
    if access.login is None:
        raise NotFound(
            "The portal login is not set up.", code="login_not_set_up", hint="Set `login` in access.yml to an issuer."
        )
    return access.login


def _redirect_uri(portal: Portal) -> str:
    return f"{portal.address}/login/callback"
