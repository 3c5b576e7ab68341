"""Going back: a target gets again what it served earlier, ahead of everything else that waits or runs there."""

from app.definitions import queries as definitions
from app.definitions.schema import Definition
from app.errors import Conflict, Invalid
from app.identity.roles import Permission
from app.planning.earlier import previous
from app.planning.ids import model_of
from app.planning.places import Target
from app.planning.purpose import Purpose
from app.planning.sources import FoundSource, ReleaseSource, read_source
from app.releases.at_target import in_the_way
from app.releases.locks import lock_release
from app.releases.queries import get_release, no_such_release, plan_of
from app.releases.service import Request, create_release, move_release
from app.releases.states import Status
from app.releases.tables import Release
from app.releasing.advance import make_way
from app.releasing.guarding import refusals_of, require_allowed
from app.releasing.names import new_mark
from app.releasing.permissions import about_target
from app.releasing.requests import wanted
from app.releasing.work import Work
from app.serving.earlier import (
    content_of,
    found_at,
    going_back_at,
    has_begun_at,
    last_found_at,
    others_have_traffic,
    rollouts_with,
    turns_at,
)
from app.serving.queries import model_at
from app.serving.tables import StoredTarget

Back = ReleaseSource | FoundSource


@about_target(Permission.OPERATE)
def roll_back(work: Work, target: str, *, reason: str, to: str | None = None, deployment: str | None = None) -> Release:
    """Ask for what ``to`` released there, for a ``deployment`` that others made, or for what served before.

    Queued behind what runs, which is asked to stop. Raises NotFound (target, release), Invalid (reason, or both were named), Conflict
    where there is nothing to go back to, or it is on its way.
    """
    if not reason.strip():
        raise Invalid("A rollback needs a reason.", code="reason_missing", hint="Say what is wrong with what serves.")
    # Their rows are locked before the target's and the chain's head are, as everywhere. Who asks at the same time waits for the target.
    row = work.get_one(StoredTarget, target)
    for other in sorted({each.release_id for each in in_the_way(work, target, row.model)}):
        lock_release(work, other)
    work.refresh(row, with_for_update=True)
    source = _source(work, target, to, deployment)
    request = request_back(work, target, source, purpose=Purpose.ROLLBACK, note=reason.strip())
    (stage,) = request.stages
    under_way = going_back_at(work, target, model=request.model, stage=stage)
    if under_way is not None:
        lock_release(work, under_way.id)
        # A revert brings back what serves on record: that is no way back from it.
        may_differ = to is not None or deployment is not None or under_way.purpose is Purpose.REVERT
        if not (may_differ and read_source(under_way.source) != source):
            raise _under_way(under_way)
    asked = create_release(work, request, mark=new_mark())
    if under_way is not None and under_way.status is Status.PENDING:
        move_release(work, under_way, Status.SUPERSEDED, code="superseded", sentence=f"Superseded by {asked.id}.")
    make_way(work, asked, target)
    work.queue.prepare_release(work, asked.id)
    return asked


def _source(work: Work, target: str, to: str | None, deployment: str | None) -> Back:
    if to is not None and deployment is not None:
        raise Invalid(
            "A rollback is to a release, or to a deployment that others made.",
            code="two_ways_back",
            hint="Name one of them.",
        )
    if to is not None:
        return _named(work, target, to)
    return _previous(work, target) if deployment is None else _found(work, target, deployment)


def request_back(work: Work, target: str, source: Back, *, purpose: Purpose, note: str) -> Request:
    """Under the definition version of back then; what others made is gone back to under the newest."""
    if isinstance(source, FoundSource):
        model = work.get_one(StoredTarget, target).model
        version, _, stages = wanted(work, model, stages=[_stage_now(work, model, target)], definition_version=None)
        definition_id, number = version.id, version.version
    else:
        earlier = rollouts_with(work, target, source.release)
        if not earlier:
            raise Conflict(
                f"{source.release} did not get through at {Target.parse(target).endpoint}, so nothing brings it back.",
                code="never_served_there",
                hint="Retry it, go back to what served before, or have what is there adopted as it is.",
            )
        brought = earlier[-1]  # by that release itself
        released = get_release(work, brought.release_id)
        plan = plan_of(work, brought).read().model_copy(update={"purpose": purpose})
        require_allowed(refusals_of(work.guardrails, plan))
        definition_id, model, stages = released.definition_id, released.model, (brought.stage,)
        number = released.definition_version
    assert definition_id is not None, "a stored definition has an id"
    return Request(
        model=model,
        definition_id=definition_id,
        definition_version=number,
        source=source,
        stages=stages,
        purpose=purpose,
        note=note,
    )


def _stage_now(work: Work, model: str, target: str) -> str:
    """What the newest definition calls a target, which it may have renamed. Raises Conflict where none of its stages is there."""
    definition = Definition.model_validate(definitions.latest(work, model).content)
    for stage in definition.stages:
        if str(stage.target(work.guardrails.subscription)) == target:
            return stage.name
    raise Conflict(
        f"No stage of {model} is at {Target.parse(target).endpoint} any more.",
        code="stage_moved",
        hint="What others made is gone back to under the newest definition: apply one with a stage that has this endpoint.",
    )


def _previous(work: Work, target: str) -> Back:
    """What served before. Where something else is on its way there, or got stuck on it: the last that got there."""
    last = next(turns_at(work, target), None)
    content = None if last is None else last.content
    if content is not None and (has_begun_at(work, target) or others_have_traffic(work, target, content)):
        return ReleaseSource(release=content)
    found = previous(turns_at(work, target))
    if found is not None:
        return ReleaseSource(release=found)
    others = last_found_at(work, target)
    if others is None:
        raise Conflict(
            f"There is no earlier release to go back to at {Target.parse(target).endpoint}.",
            code="nothing_to_go_back_to",
            hint="Name one that has served there, or request a release.",
        )
    return FoundSource(deployment=others)


def _named(work: Work, target: str, to: str) -> ReleaseSource:
    model = model_at(work, target)
    if model_of(to) != model:
        raise no_such_release(to)  # whether there is one of another model is nobody's business here
    content = content_of(get_release(work, to))
    if content is None or not rollouts_with(work, target, content):
        raise Conflict(
            f"{to} has never served at {Target.parse(target).endpoint}.",
            code="never_served_there",
            hint="Going back is to what has served there. To bring something else there, request a release.",
        )
    return ReleaseSource(release=content)


def _found(work: Work, target: str, deployment: str) -> FoundSource:
    found = found_at(work, target, deployment)
    if found is None:
        raise Conflict(
            f"No deployment {deployment} that others made is on record at {Target.parse(target).endpoint}.",
            code="deployment_not_on_record",
            hint="Name a release that made it, or have the endpoint adopted first: `mlrelease targets adopt MODEL STAGE`.",
        )
    return FoundSource(deployment=found.name)


def _under_way(rollback: Release) -> Conflict:
    """Asked twice by people in a hurry, it is one rollback: not another one further back."""
    return Conflict(
        f"{rollback.id} goes back to {read_source(rollback.source).name} already: it is {rollback.status.value}.",
        code="rollback_under_way",
        hint=f"Follow it: mlrelease release watch {rollback.id}. To go back to another release instead, name it.",
        release=rollback.id,
    )
