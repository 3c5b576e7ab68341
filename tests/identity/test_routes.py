"""Every route declares what it needs, and refuses who lacks it: found by enumeration, so that no route is forgotten."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.permissions import Allowed
from app.identity.roles import GIVES, Permission, Role
from app.main import create_app
from app.settings import Settings
from app.web.portal import current_visitor
from tests.api.conftest import on_sqlite
from tests.identity.conftest import As
from tests.identity.issuer import TestIssuer

pytestmark = on_sqlite

PUBLIC = {"/health/live", "/health/ready", "/openapi.json", "/docs"}
FILES = {
    "/assets/portal.css",
    "/assets/live.js",
    "/assets/icon.svg",
    "/assets/docs.js",
    "/assets/swagger-ui-bundle.js",
    "/assets/swagger-ui.css",
}
LOGIN = {
    "/login",
    "/login/callback",
    "/logout",
    "/logged-out",
}  # how one becomes somebody; tests/identity/test_login.py

# A role that may look at a model but not do what a permission stands for.
LACKS = {
    Permission.REQUEST: Role.VIEWER,
    Permission.APPROVE: Role.OPERATOR,
    Permission.OPERATE: Role.APPROVER,
    Permission.DIAGNOSE: Role.VIEWER,
    Permission.ADMINISTER: Role.REQUESTER,
}


def routes(app: FastAPI) -> Iterator[tuple[str, str, Dependant | None]]:
    """Method, path and dependencies of everything that is served."""
    for context in iter_route_contexts(app.routes):
        route = context.route
        for method in sorted((getattr(route, "methods", None) or set()) - {"HEAD"}):
            yield method, str(context.path), route.dependant if isinstance(route, APIRoute) else None


def asks_for_login(dependant: Dependant | None) -> bool:
    """Whether a page is for those who are logged in; what they may do is told from the release, see tests/web."""
    return any(
        each.call is current_visitor or asks_for_login(each) for each in (dependant.dependencies if dependant else ())
    )


def needs(dependant: Dependant | None) -> Allowed | None:
    """What a route declares, however deep."""
    for each in dependant.dependencies if dependant else ():
        found = each.call if isinstance(each.call, Allowed) else needs(each)
        if isinstance(found, Allowed):
            return found
    return None


def guarded(app: FastAPI) -> list[tuple[str, str, Allowed]]:
    found = [(method, path, needs(dependant)) for method, path, dependant in routes(app)]
    guarded = [(method, path, allowed) for method, path, allowed in found if allowed is not None]
    assert len(guarded) > 20, "who asks all of them must ask some"
    return guarded


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


def test_every_route_declares_what_it_needs(app: FastAPI) -> None:
    listed = list(routes(app))
    assert len(listed) > 20

    open_routes = {path for _, path, found in listed if needs(found) is None and not asks_for_login(found)}

    assert open_routes - LOGIN - FILES == PUBLIC


def test_every_page_asks_for_a_login(app: FastAPI, bearer: As) -> None:
    nobody, pages = bearer(), [(method, path) for method, path, found in routes(app) if asks_for_login(found)]
    assert len(pages) >= 6
    for method, path in pages:
        answer = _send(nobody, method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_ended"), f"{method} {path}"


def test_every_route_refuses_who_does_not_say_who_they_are(app: FastAPI, bearer: As) -> None:
    nobody = bearer()
    for method, path, _ in guarded(app):
        answer = _send(nobody, method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "credentials_missing"), f"{method} {path}"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_names_alone_are_not_believed(app: FastAPI, bearer: As) -> None:
    impostor = bearer()
    impostor.headers["Mlrelease-Actor"] = "root"
    for method, path, _ in guarded(app):
        assert _send(impostor, method, path).status_code == 401, f"{method} {path}"


def test_every_route_refuses_a_role_that_lacks_what_it_needs(app: FastAPI, holder: As, planned: str) -> None:
    assert planned == "churn-1"
    clients = {role: holder(f"{role.value}:churn", name=role.value) for role in Role}
    for method, path, allowed in guarded(app):
        if allowed.everywhere:
            role = Role.ADMIN  # for one model is not for all
        elif allowed.permission is Permission.VIEW:
            continue  # everybody with a role may look at something; see the test of those without
        else:
            role = LACKS[allowed.permission]
            assert allowed.permission not in GIVES[role]
        answer = _send(clients[role], method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), f"{method} {path}: {answer.text}"


@pytest.mark.usefixtures("planned")
def test_whoever_has_no_role_at_all_sees_nothing(app: FastAPI, bearer: As, issuer: TestIssuer) -> None:
    stranger = bearer(issuer.token(sub="stranger"))
    for method, path, _ in guarded(app):
        assert _send(stranger, method, path).status_code in {403, 404}, f"{method} {path}"


def _send(client: httpx.Client, method: str, path: str) -> httpx.Response:
    named = {"release_id": "churn-1", "model": "churn", "stage": "dev", "name": "job-1", "version": "1"}
    whole = re.sub(r"{(\w+)(?::\w+)?}", lambda match: named.get(match[1], "x"), path)
    return client.request(method, whole, json={} if method == "POST" else None)
