"""Drift: looked for when somebody asks, and undone when somebody asks. To take it as it is, is an adoption."""

from app.errors import Conflict, Invalid
from app.identity.roles import Permission
from app.planning.places import Target
from app.planning.purpose import Purpose
from app.planning.sources import FoundSource, ReleaseSource
from app.releases.at_target import moved_by
from app.releases.queries import get_release
from app.releases.service import create_release
from app.releases.tables import Release
from app.releasing.names import new_mark
from app.releasing.permissions import about_target
from app.releasing.rolling_back import Back, request_back
from app.releasing.work import Work
from app.serving.earlier import content_of
from app.serving.queries import serving_now
from app.serving.scans import ask_for_scan
from app.serving.tables import StoredTarget


@about_target(Permission.DIAGNOSE)
def look_for_drift(work: Work, target: str) -> StoredTarget:
    """Have a target compared with Azure as soon as a worker can. Raises Conflict while a rollout moves it."""
    row = work.get_one(StoredTarget, target, with_for_update=True)
    _require_still(work, target)
    ask_for_scan(work, row)
    return row


@about_target(Permission.OPERATE)
def revert(work: Work, target: str, *, reason: str) -> Release:
    """Ask that a target gets again what is on record as serving there, if Azure has something else.

    Raises NotFound, Invalid (reason), and Conflict where nothing differs, a rollout moves it, or no one deployment is on record.
    """
    if not reason.strip():
        raise Invalid("A revert needs a reason.", code="reason_missing", hint="Say why it is not to stay as it is.")
    row = work.get_one(StoredTarget, target, with_for_update=True)
    _require_still(work, target)
    if not row.drift:
        raise Conflict(
            f"{Target.parse(target).endpoint} did not differ from what is on record when it was last compared.",
            code="nothing_to_revert",
            hint="`mlrelease targets drift MODEL STAGE` compares it again.",
        )
    request = request_back(work, target, _serves(work, target), purpose=Purpose.REVERT, note=reason.strip())
    asked = create_release(work, request, mark=new_mark())
    work.queue.prepare_release(work, asked.id)
    return asked


def _serves(work: Work, target: str) -> Back:
    """What is on record as serving there. Raises Conflict where that is nothing, or more than one."""
    live = [each for each in serving_now(work, target) if each.weight]
    if len(live) != 1:
        names = " and ".join(each.deployment for each in live) or "nothing"
        raise Conflict(
            f"On record as serving at {Target.parse(target).endpoint} is {names}, which no release brings back.",
            code="nothing_to_revert_to",
            hint="Change it back in Azure, or adopt it as it is.",
        )
    (share,) = live
    content = None if share.release_id is None else content_of(get_release(work, share.release_id))
    return FoundSource(deployment=share.deployment) if content is None else ReleaseSource(release=content)


def _require_still(work: Work, target: str) -> None:
    rollout = moved_by(work, target)
    if rollout is not None:
        raise Conflict(
            f"{rollout} moves {Target.parse(target).endpoint} now.",
            code="target_is_moved",
            hint="Its own steps read back what they set. Compare it when that has ended.",
        )
