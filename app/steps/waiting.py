"""Polling until an operation has ended. Waiting is not failing, and each poll can be interrupted."""

from collections.abc import Callable
from typing import TypeVar

from app.azureml.errors import Busy, TimedOut
from app.azureml.facade import AzureML
from app.steps.contract import Context

Seen = TypeVar("Seen")


def wait_until(
    over: Callable[[Seen], bool],
    look: Callable[[], Seen],
    *,
    azure: AzureML,
    context: Context,
    waiting_for: str,
) -> Seen:
    """What the look showed when it was over. ``waiting_for`` completes "Waits for …". Raises TimedOut."""
    waited = 0.0
    while not over(seen := look()):
        if waited >= azure.settings.patience_seconds:
            raise TimedOut(f"Waited {waited / 60:.0f} minutes for {waiting_for}.")
        context.report(f"Waiting for {waiting_for}{_as_seen(seen)}.")  # saying the same again is nothing
        context.checkpoint()
        context.wait(azure.settings.poll_seconds)
        waited += azure.settings.poll_seconds
    return seen


def _as_seen(seen: object) -> str:
    """What Azure says of it now: all that is known of what is stuck."""
    state = getattr(seen, "state", None)
    return f": Azure reports {state}" if state else ""


def begin_when_free(begin: Callable[[], None], *, azure: AzureML, context: Context, waiting_for: str) -> None:
    """Begin an operation, however long something else goes on there. Raises TimedOut."""

    def begun() -> bool:
        context.checkpoint()
        try:
            begin()
        except Busy:
            return False
        return True

    wait_until(bool, begun, azure=azure, context=context, waiting_for=waiting_for)
