"""A newer release has got there first: releases are prepared side by side, and an older one does not go after a newer one."""

from app.releases.queries import overtaken_by
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.work import Work


def overtaken(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    if release.purpose.goes_back:
        return None  # whatever got there first is what it goes back from
    newer = overtaken_by(work, release, rollout)
    return None if newer is None else superseded(by=newer.release_id)


def superseded(*, by: str) -> Closed:
    return Closed(Status.SUPERSEDED, "superseded", f"Superseded by {by}.")
