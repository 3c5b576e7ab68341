"""``rawhttp`` and the request that a score script decorated with it gets: Flask's own, as in Azure's server."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request

Run = TypeVar("Run", bound=Callable[..., Any])


class AMLRequest(Request):
    """What a score script may name as the type of its request."""


def rawhttp(run: Run) -> Run:
    """Mark ``run`` as one that takes the whole request instead of its body."""
    run.raw_http_requested = True  # type: ignore[attr-defined] # the mark is the contract with the server
    return run
