"""Errors of ``app.errors`` as JSON, from a child to its parent."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.errors import Invalid, Mistake, MlreleaseError, TooLarge

HINT = "Send less, or simpler files: reading them has limits on time and memory."


class TooCostly(TooLarge):
    """A task took more than its limits allow."""

    default_code = "bundle_too_costly"


class Broke(Invalid):
    """A task ended in a way that nobody foresaw, or wanted what it may not do."""

    default_code = "bundle_unreadable"


def encode(error: MlreleaseError) -> bytes:
    """What ``decode`` makes the same error of."""
    state = {name: value for name, value in vars(error).items() if name != "mistakes"}
    mistakes = [asdict(each) for each in getattr(error, "mistakes", ())]
    families = [_name(each) for each in type(error).__mro__ if issubclass(each, MlreleaseError)]
    return json.dumps({"families": families, "state": state, "mistakes": mistakes}, default=str).encode()


def decode(content: dict[str, Any]) -> MlreleaseError:
    """The error, or one of its nearest family that this process knows. Classes are looked up, never imported."""
    known = {_name(each): each for each in _tree(MlreleaseError)}
    family = next((known[name] for name in content["families"] if name in known), MlreleaseError)
    error = family.__new__(family, content["state"]["sentence"])
    error.__dict__.update(content["state"])
    if isinstance(error, Invalid):
        error.mistakes = tuple(Mistake(**each) for each in content["mistakes"])
    return error


def _tree(family: type[MlreleaseError]) -> Iterator[type[MlreleaseError]]:
    yield family
    for each in family.__subclasses__():
        yield from _tree(each)


def _name(family: type) -> str:
    return f"{family.__module__}:{family.__qualname__}"
