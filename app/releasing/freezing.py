"""Creating and deleting freezes and holds: an event, and a new check of what waits, in one transaction."""

from app.freezes.queries import get_freeze, list_freezes, no_such_freeze
from app.freezes.service import Wanted, create_freeze, delete_freeze, new_freeze_id
from app.freezes.tables import RECORDED, Freeze
from app.identity.actor import SERVICE, Actor, require_everywhere
from app.identity.roles import Permission
from app.planning.sources import read_source
from app.releases.attested import CREATED, DELETED, ROW, row_digest
from app.releases.tables import Release, Rollout
from app.releasing.advance import reconsider_scheduled
from app.releasing.permissions import require_for_model
from app.releasing.work import Work

LONGEST_REASON = 1000  # characters, as people may write


def create(work: Work, wanted: Wanted) -> Freeze:
    """Raises NotFound (model), Forbidden and Invalid."""
    require_operator(work, wanted.model)
    freeze = create_freeze(work, wanted)
    _tell(work, freeze, CREATED)
    return freeze


def delete(work: Work, freeze_id: str) -> None:
    """Raises NotFound, also for one of a model that the actor may not see, and Forbidden."""
    freeze = get_freeze(work, freeze_id)
    if not may_see(work.actor, freeze):
        raise no_such_freeze(freeze_id)
    require_operator(work, freeze.model)
    delete_freeze(work, freeze)
    _tell(work, freeze, DELETED)


def hold_after_rollback(work: Work, release: Release, rollout: Rollout) -> None:
    """Keep a target as it was brought back by a release that people asked for."""
    source = read_source(release.source).name
    said = f"{release.id} took {rollout.stage} back to {source}, for {release.requested_by}: {release.note}"
    _hold(work, release, rollout, said)


def hold_after_failure(work: Work, release: Release, rollout: Rollout) -> None:
    """Keep a target as the failure of a release has left it: brought back, or not."""
    _hold(work, release, rollout, f"{release.id} did not get through in {rollout.stage}: {rollout.sentence}")


def _hold(work: Work, release: Release, rollout: Rollout, said: str) -> None:
    """Until somebody lifts it. One that an earlier way back left there ends.

    The target alone is held, whatever a definition calls its stage by then.
    """
    for each in list_freezes(work, model=release.model):
        if each.created_by == SERVICE.name and each.target == rollout.target:
            freeze = get_freeze(work, each.id)
            delete_freeze(work, freeze)
            _tell(work, freeze, DELETED)
    new_id = new_freeze_id()
    lifting = f" To lift this hold: mlrelease freeze delete {new_id}"
    reason = said if len(said) + len(lifting) <= LONGEST_REASON else said[: LONGEST_REASON - len(lifting) - 1] + "…"
    wanted = Wanted(reason=reason + lifting, model=release.model, target=rollout.target)
    _tell(work, create_freeze(work, wanted, freeze_id=new_id), CREATED)


def may_see(actor: Actor, freeze: Freeze) -> bool:
    """What is about all models keeps everybody's releases out, so everybody may know of it."""
    return freeze.model is None or actor.may(Permission.VIEW, freeze.model)


def require_operator(work: Work, model: str | None) -> None:
    """Raises NotFound or Forbidden. Without a model: of all of them."""
    if model is not None:
        require_for_model(work, work.actor, Permission.OPERATE, model)
    else:
        require_everywhere(work.actor, Permission.OPERATE)


def _tell(work: Work, freeze: Freeze, kind: str) -> None:
    reconsider_scheduled(work)
    work.append_event(
        kind,
        subject=freeze.id,
        model=freeze.model,
        data={
            **freeze.model_dump(include=set(RECORDED), mode="json"),
            ROW: row_digest(freeze),
        },
    )
