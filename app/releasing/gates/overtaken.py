"""Something else has got there first: releases are prepared side by side, and an older one does not go after a newer one.

A revert brings back what was on record as serving when it was asked for: not once something else is.
"""

from app.planning.purpose import Purpose
from app.releases.at_target import overtaken_by
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.work import Work
from app.serving.earlier import moved_since


def overtaken(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    if release.purpose.goes_back:
        return None  # whatever got there first is what it goes back from
    newer = overtaken_by(work, release, rollout)
    return None if newer is None else superseded(by=newer.release_id)


def outdated(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    """What waits here for long, as no hold keeps it out: what it would take away may have been released, and approved, meanwhile."""
    if release.purpose is not Purpose.REVERT:
        return None
    other = moved_since(work, rollout.target, release)
    return None if other is None else superseded(by=other)


def superseded(*, by: str) -> Closed:
    return Closed(Status.SUPERSEDED, "superseded", f"Superseded by {by}.")
