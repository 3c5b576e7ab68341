"""What served at a target earlier: the rollouts that came to their good end there, and whose content each of them brought."""

from collections.abc import Collection, Iterable, Iterator, Set
from itertools import islice

from sqlalchemy import ColumnElement, text, union
from sqlmodel import Session, col, select

from app.database.portions import read_in_portions
from app.events.tables import Event
from app.planning.earlier import Turn
from app.planning.ids import model_of
from app.planning.observed import DeploymentFacts
from app.planning.purpose import Purpose
from app.planning.sources import ReleaseSource, read_source
from app.releases.at_target import moved_by
from app.releases.states import FINAL, Status
from app.releases.tables import GOES_BACK, Release, Rollout
from app.serving.tables import Deployed, TrafficShare

_ITS_RELEASE = col(Rollout.release_id) == col(Release.id)
_GOES_BACK = text(f"release.{GOES_BACK}")  # as in the index


def turns_at(session: Session, target: str) -> Iterator[Turn]:
    """The newest first, read as far as they are asked for."""
    query = select(Release).join(Rollout, _ITS_RELEASE).where(*_succeeded_at(target))
    newest_first = query.order_by(col(Rollout.finished_at).desc(), col(Rollout.id).desc())
    for release in read_in_portions(session, newest_first):
        yield Turn(release.id, content_of(release), release.purpose.goes_back)


def last_served(session: Session, target: str, *, most: int, but: Set[str | None]) -> list[str]:
    """The releases whose content came there last, each once, the newest first; without those in ``but``."""
    turns = turns_at(session, target)
    return list(islice(_each_once(each.content for each in turns if each.content and each.content not in but), most))


def rollouts_with(session: Session, target: str, content: str) -> list[Rollout]:
    """Those that brought a release's content there, that release's own among them; the newest first."""
    # What goes back is a release of the same model: few of all that came to their good end there.
    back = select(Release).where(Release.model == model_of(content), _GOES_BACK)
    candidates = [session.get(Release, content), *session.exec(back).all()]
    those = [each.id for each in candidates if each is not None and content_of(each) == content]
    query = select(Rollout).where(col(Rollout.release_id).in_(those), Rollout.status == Status.SUCCEEDED)
    query = query.order_by(col(Rollout.finished_at).desc(), col(Rollout.id).desc())
    return [each for each in session.exec(query).all() if each.target == target]


def proven_at(session: Session, target: str, names: Collection[str]) -> set[str]:
    """Which of these deployments, in lower case, rollouts came to their good end with: what may be gone back to."""
    query = select(Rollout.deployment).join(Release, _ITS_RELEASE).where(*_succeeded_at(target))
    found = session.exec(query.where(col(Rollout.deployment).in_(names)).distinct()).all()
    return {name.lower() for name in found if name is not None}


def content_of(release: Release) -> str | None:
    """The release whose content it brings: mostly itself. None: a deployment that others made."""
    if release.purpose is Purpose.RELEASE:
        return release.id
    source = read_source(release.source)
    return source.release if isinstance(source, ReleaseSource) else None


def going_back_at(session: Session, target: str, *, model: str, stage: str) -> Release | None:
    """A release that takes a target back, and has not ended; the newest. One that is not planned yet is known by its ``stage``."""
    query = select(Release).where(Release.model == model, _GOES_BACK, col(Release.status).in_(set(Status) - FINAL))
    # Sorted here: SQLite would read all of the model's releases by their numbers to find these few in order.
    for release in sorted(session.exec(query).all(), key=lambda each: each.number, reverse=True):
        planned = session.exec(select(Rollout.target).where(Rollout.release_id == release.id)).first()
        if planned == target or (planned is None and release.stages == [stage]):
            return release
    return None


def moved_since(session: Session, target: str, release: Release) -> str | None:
    """Another release that has changed, since this one was asked for, what is on record as serving there; the last."""
    of_it = TrafficShare.target == target
    began = select(TrafficShare.from_event).where(of_it, TrafficShare.from_at >= release.created_at)
    ended = select(TrafficShare.to_event).where(of_it, col(TrafficShare.to_at) >= release.created_at)
    query = select(Event.release_id).where(col(Event.seq).in_(union(began, ended)))
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
    whole = select(TrafficShare.deployment).where(TrafficShare.target == target, TrafficShare.weight == 100)
    # Also where a share of it went to another for a while, and came back: what has all of it now is nothing to go back to.
    now = set() if has_begun_at(session, target) else {*session.exec(whole.where(col(TrafficShare.to_at).is_(None)))}
    of_others = whole.where(col(TrafficShare.release_id).is_(None)).order_by(col(TrafficShare.id).desc())
    wanted = (name for name in _each_once(read_in_portions(session, of_others)) if name not in now)
    return next((name for name in wanted if found_at(session, target, name) is not None), None)


def _succeeded_at(target: str) -> tuple[ColumnElement[bool], ...]:
    """Of a release and its rollout. An adoption brought nothing: what served went on serving."""
    there = col(Rollout.target) == target, col(Rollout.status) == Status.SUCCEEDED
    return *there, col(Release.purpose) != Purpose.ADOPTION


def _each_once(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name not in seen:
            seen.add(name)
            yield name
