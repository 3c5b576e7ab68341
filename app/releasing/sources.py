"""What may be asked to be released: whose it is, and what is on record of it. What Azure has of it, a worker looks up."""

from sqlmodel import Session, col, func, select

from app.definitions.tables import DefinitionVersion
from app.errors import Conflict
from app.identity.actor import forbidden
from app.identity.roles import Permission
from app.planning.content import Content
from app.planning.ids import model_of, rollout_id_of
from app.planning.sources import JobSource, ModelSource, ReleaseSource, Source
from app.releases.attested import rollout_on_record
from app.releases.queries import get_release, no_such_release
from app.releases.tables import Release
from app.releasing.work import Work

Wanted = JobSource | ModelSource | ReleaseSource  # what people may ask for


def earlier_content(session: Session, source: Source) -> Content | None:
    """What the release released that content comes from; None: it comes from elsewhere, or that release was never planned."""
    if not isinstance(source, ReleaseSource):
        return None
    first = get_release(session, source.release).stages[0]  # the content is of all of them
    written = rollout_on_record(session, rollout_id_of(source.release, first)).content
    return None if written is None else Content.model_validate(written)


def require_earlier(work: Work, model: str, source: ReleaseSource) -> tuple[Release, Content]:
    """An earlier release of the same model, and its content. Raises NotFound, or Conflict where it is another model's or has none."""
    owner = model_of(source.release)
    if not work.actor.may(Permission.VIEW, owner):
        raise no_such_release(source.release)
    release = get_release(work, source.release)
    if owner != model:
        raise Conflict(
            f"{source.release} is a release of {owner}, not of {model}.",
            code="content_of_another_model",
            hint=f"`mlrelease release list --model {model}` shows this model's releases.",
        )
    content = earlier_content(work, source)
    if content is None:
        raise Conflict(
            f"{source.release} has no content that could be released: it is {release.status.value}. {release.sentence}",
            code="release_without_content",
            hint="Name a release that was planned: its content is on record.",
        )
    return release, content


def require_right_to_model(work: Work, model: str, source: ModelSource) -> None:
    """A registered model with the name of another model here is that team's: it takes the right to ask for releases of both.

    Raises Conflict where the other model is hidden, else Forbidden.
    """
    name = source.version.name
    if name.lower() == model.lower():
        return
    known = func.lower(col(DefinitionVersion.model)) == name.lower()
    owner = work.exec(select(DefinitionVersion.model).where(known).limit(1)).first()
    if owner is None or work.actor.may(Permission.REQUEST, owner):
        return
    if work.actor.may(Permission.VIEW, owner):
        raise forbidden(work.actor, Permission.REQUEST, owner)
    raise Conflict(
        f"The registered model {source.uri} belongs to another model than {model}.",
        code="model_of_another_team",
        hint="Name a version of this model.",
    )
