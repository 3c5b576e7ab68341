"""Somebody asked for the end of the release while the stage before this one was carried out."""

from app.releases.states import ENDS, Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.work import Work


def cancelled(_work: Work, release: Release, _rollout: Rollout) -> Closed | None:
    if release.control not in ENDS:
        return None
    return Closed(Status.CANCELLED, "cancelled", "Cancelled after the previous stage had completed.")
