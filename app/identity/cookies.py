"""The names and attributes of our cookies."""

from typing import Literal, TypedDict

from app.settings import Settings


class Attributes(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool
    path: str


def session_cookie(settings: Settings) -> str:
    """Of a session."""
    return _named("mlrelease", settings)


def login_cookie(settings: Settings) -> str:
    """Of a login that has begun."""
    return _named("mlrelease-login", settings)


def attributes(settings: Settings) -> Attributes:
    return {"httponly": True, "samesite": "lax", "secure": is_secure(settings), "path": "/"}


def is_secure(settings: Settings) -> bool:
    """Whether browsers use https: always, except on loopback."""
    return bool(settings.public_url) and settings.public_url.startswith("https://")


def _named(name: str, settings: Settings) -> str:
    # A browser takes a cookie of this prefix only from this very host over https: no neighbour domain can plant one.
    return f"__Host-{name}" if is_secure(settings) else name
