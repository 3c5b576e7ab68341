"""Rendering pages: escaped templates, security headers, and error pages."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.errors import Conflict, Forbidden, Invalid, MlreleaseError, NotFound, Unauthenticated, Unavailable
from app.web import filters

_TEMPLATES = Path(__file__).parent / "templates"

_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def policy(**changed: str) -> str:
    """The Content-Security-Policy of pages; ``style="…"`` changes ``style-src``."""
    sources = _POLICY | {f"{name}-src": value for name, value in changed.items()}
    return "; ".join(f"{name} {value}" for name, value in sources.items())


HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": policy(),
    # Without any, browsers send forms with `Origin: null`, and ours could not be told from another site's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_STATUS: dict[type[MlreleaseError], tuple[int, str]] = {
    Invalid: (422, "Not accepted"),
    NotFound: (404, "Not found"),
    Conflict: (409, "No longer possible"),
    Unauthenticated: (401, "Not logged in"),
    Forbidden: (403, "Not allowed"),
    Unavailable: (503, "Try again in a moment"),
}

_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {name: getattr(filters, name) for name in filters.__all__}


def page(template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page from its template. Every value in ``shown`` is escaped."""
    return HTMLResponse(_environment.get_template(template).render(**shown), status_code=status, headers=HEADERS)


def status_of(error: MlreleaseError) -> int:
    return _family(error)[0]


class PageRoute(APIRoute):
    """A route for browsers: errors are pages, and visitors without a session go to the login. Other clients get problem documents."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def show_errors(request: Request) -> Response:
            if "text/html" not in request.headers.get("accept", ""):
                return await handle(request)
            try:
                return await handle(request)
            except RequestValidationError:
                return _error_page(Invalid("The address is not valid.", code="malformed"))
            except Unauthenticated as unknown:
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                can_repeat = request.method == "GET" and not request.url.path.startswith("/login")
                if not can_repeat:
                    # What a form said cannot be said again, and a login may lead to the issuer, where no form of ours may end.
                    return _error_page(unknown)
                return RedirectResponse(f"/login?go_to={quote(here, safe='')}", 303, headers=HEADERS)
            except MlreleaseError as error:
                return _error_page(error)

        return show_errors


def _error_page(error: MlreleaseError) -> HTMLResponse:
    status, title = _family(error)
    return page("error.html", status=status, number=status, title=title, error=error)


def _family(error: MlreleaseError) -> tuple[int, str]:
    return next((_STATUS[each] for each in type(error).__mro__ if each in _STATUS), (500, "Internal error"))
