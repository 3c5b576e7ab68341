"""What served at a target earlier: the rollouts that came to their good end there, and whose content each of them brought."""

from sqlmodel import Session, col, or_, select

from app.events.tables import Event
from app.planning.earlier import Turn
from app.planning.observed import DeploymentFacts
from app.planning.purpose import Purpose
from app.planning.sources import ReleaseSource, read_source
from app.releases.at_target import moved_by
from app.releases.states import FINAL, Status
from app.releases.tables import Release, Rollout
from app.serving.tables import Deployed, TrafficShare


def turns_at(session: Session, target: str) -> list[Turn]:
    """The oldest first."""
    return [Turn(each.id, content_of(each), each.purpose.goes_back) for each, _ in _succeeded_at(session, target)]


def rollouts_with(session: Session, target: str, content: str) -> list[Rollout]:
    """Those that brought a release's content there, that release's own among them; the newest first."""
    found = [rollout for release, rollout in _succeeded_at(session, target) if content_of(release) == content]
    return found[::-1]


def proven_at(session: Session, target: str) -> set[str]:
    """Names, in lower case, of the deployments with which those rollouts came to their good end: what may be gone back to."""
    return {(rollout.deployment or "").lower() for _, rollout in _succeeded_at(session, target)}


def content_of(release: Release) -> str | None:
    """The release whose content it brings: mostly itself. None: a deployment that others made."""
    if release.purpose is Purpose.RELEASE:
        return release.id
    source = read_source(release.source)
    return source.release if isinstance(source, ReleaseSource) else None


def going_back_at(session: Session, target: str, *, model: str, stage: str) -> Release | None:
    """A release that takes a target back, and has not ended; the newest. One that is not planned yet is known by its ``stage``."""
    query = select(Release).where(Release.model == model, col(Release.purpose).in_([Purpose.ROLLBACK, Purpose.REVERT]))
    query = query.where(col(Release.status).in_(set(Status) - FINAL)).order_by(col(Release.number).desc())
    for release in session.exec(query).all():
        planned = session.exec(select(Rollout.target).where(Rollout.release_id == release.id)).first()
        if planned == target or (planned is None and release.stages == [stage]):
            return release
    return None


def moved_since(session: Session, target: str, release: Release) -> str | None:
    """Another release that has changed, since this one was asked for, what is on record as serving there; the last."""
    began_or_ended = or_(col(TrafficShare.from_event) == Event.seq, col(TrafficShare.to_event) == Event.seq)
    query = select(Event.release_id).join(TrafficShare, began_or_ended)
    query = query.where(TrafficShare.target == target, Event.at >= release.created_at)
    query = query.where(col(Event.release_id).is_not(None), Event.release_id != release.id)
    return session.exec(query.order_by(col(Event.seq).desc()).limit(1)).first()


def has_begun_at(session: Session, target: str) -> bool:
    """Whether a rollout has begun to move a target and not got through: it runs, or waits on the way."""
    return moved_by(session, target) is not None


def others_have_traffic(session: Session, target: str, content: str) -> bool:
    """Whether what has traffic now, as recorded, is not all of this release's content: something did not get through, or others moved it."""
    made = {rollout.release_id for rollout in rollouts_with(session, target, content)}
    query = select(TrafficShare.release_id).where(TrafficShare.target == target, col(TrafficShare.to_at).is_(None))
    return any(each not in made for each in session.exec(query.where(TrafficShare.weight > 0)).all())


def found_at(session: Session, target: str, name: str) -> DeploymentFacts | None:
    """A deployment that others made and that is on record there, as it was last read back."""
    query = select(Deployed).where(Deployed.target == target, Deployed.name == name.lower())
    row = session.exec(query.where(col(Deployed.until).is_(None), col(Deployed.release_id).is_(None))).first()
    return None if row is None else row.read()


def last_found_at(session: Session, target: str) -> str | None:
    """The deployment of others that last had all of the traffic before what has it now, where it is still on record."""
    query = select(TrafficShare).where(TrafficShare.target == target, TrafficShare.weight == 100)
    shares = session.exec(query.order_by(col(TrafficShare.id).desc())).all()
    # Also where a share of it went to another for a while, and came back: what has all of it now is nothing to go back to.
    now = set() if has_begun_at(session, target) else {each.deployment for each in shares if each.to_at is None}
    others = [each.deployment for each in shares if each.release_id is None and each.deployment not in now]
    return next((name for name in others if found_at(session, target, name) is not None), None)


def _succeeded_at(session: Session, target: str) -> list[tuple[Release, Rollout]]:
    query = select(Release, Rollout).join(Rollout, col(Rollout.release_id) == col(Release.id))
    # An adoption brought nothing: what served went on serving.
    query = query.where(
        Rollout.target == target, Rollout.status == Status.SUCCEEDED, Release.purpose != Purpose.ADOPTION
    )
    return list(session.exec(query.order_by(col(Rollout.finished_at), col(Rollout.id))).all())
