"""Following a release or a training job to its end, and its exit status."""

import sys
import time
from collections.abc import Callable

from app.cli.client import PATIENCE_SECONDS, Client, no_check
from app.cli.exits import Exit
from app.cli.live import showing_job, showing_release
from app.documents.json_object import Json

Show = Callable[[Json], None]
Check = Callable[[], None]

JOB_LOOK_SECONDS = 1.0

_ENDS = {
    "succeeded": Exit.FINE,
    "failed": Exit.REFUSED,
    "rolled_back": Exit.REFUSED,
    "approval_rejected": Exit.CANCELLED,
    "cancelled": Exit.CANCELLED,
    "superseded": Exit.CANCELLED,
    "expired": Exit.CANCELLED,
}


def end_of_release(release: Json) -> Exit | None:
    """The exit status of a finished release; None while it goes on."""
    return _ENDS.get(release["status"])


def end_of_job(job: Json) -> Exit | None:
    """The exit status of a finished training job; None while it goes on."""
    if not job["is_final"]:
        return None
    return {"completed": Exit.FINE, "canceled": Exit.CANCELLED}.get(job["status"].lower(), Exit.REFUSED)


def is_interactive() -> bool:
    """Whether there is a terminal for prompts."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _nothing(_seen: Json) -> None:
    """Show nothing."""


def watch_release(
    service: Client,
    release_id: str,
    *,
    wait_approval: bool,
    quiet: bool,
    shown: Json | None = None,
    check: Check = no_check,
    answer: Show = _nothing,
) -> tuple[Json, Exit]:
    """Follow a release until it has ended, or until it waits for approval and ``wait_approval`` is False.

    ``shown`` is the state that was shown before; ``check`` may raise to stop; ``answer`` sees each state, and may answer what it asks.
    """
    if quiet:
        return _follow_release(service, release_id, wait_approval=wait_approval, show=answer, check=check)
    with showing_release(shown) as show:

        def show_and_answer(release: Json) -> None:
            show(release)
            answer(release)

        return _follow_release(service, release_id, wait_approval=wait_approval, show=show_and_answer, check=check)


def watch_job(
    service: Client, name: str, *, workspace: str | None, quiet: bool, check: Check = no_check
) -> tuple[Json, Exit]:
    """Follow a training job to its end."""
    if quiet:
        return _follow_job(service, name, workspace=workspace, show=_nothing, check=check)
    with showing_job() as show:
        return _follow_job(service, name, workspace=workspace, show=show, check=check)


def _follow_release(
    service: Client, release_id: str, *, wait_approval: bool, show: Show, check: Check
) -> tuple[Json, Exit]:
    for release in service.follow_release(release_id, check=check):
        show(release)
        end = end_of_release(release)
        if end is None and release["status"] == "pending_approval" and not wait_approval:
            end = Exit.NEEDS_APPROVAL
        if end is not None:
            return release, end
    raise AssertionError("a release is followed without end")


def _follow_job(service: Client, name: str, *, workspace: str | None, show: Show, check: Check) -> tuple[Json, Exit]:
    while True:
        check()
        job = service.get(f"/v1/jobs/{name}", patience=PATIENCE_SECONDS, workspace=workspace)
        show(job)
        end = end_of_job(job)
        if end is not None:
            return job, end
        time.sleep(JOB_LOOK_SECONDS)
