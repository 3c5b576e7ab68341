"""Definitions over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.paging import Cursor, Limit, name_of, page_end
from app.api.permissions import Admin, Viewer
from app.api.service import Api
from app.api.serving_views import ServingView
from app.api.views import ModelDetail, ModelPage, ModelView
from app.bundles.store import load
from app.definitions import queries
from app.definitions.overrides import without_values
from app.definitions.read import read_archive
from app.definitions.schema import json_schema
from app.definitions.sdk_check import check_by_sdk
from app.identity.roles import Permission, Visible
from app.releasing.applying import apply, require_admin
from app.releasing.work import Work
from app.serving.queries import serving_at_each, targets_of

router = APIRouter(prefix="/v1", tags=["models"])


class ApplyModel(Body):
    """Make an uploaded folder the newest definition of its model."""

    bundle: Name = Field(description="digest of the uploaded folder", examples=["sha256:4ac1…"])
    note: str | None = Field(default=None, max_length=1000)


@router.post(
    "/models", status_code=201, response_model=ModelView, responses=refusals(404, 413), summary="Apply a definition"
)
def apply_model(api: Api, once: Once, who: Admin, body: ApplyModel) -> Response:
    """Content that is already the newest creates no new version (200). All mistakes are reported at once (422)."""
    # Read before any transaction is begun: it may take a while, and others want to write.
    archive = api.read(lambda session: load(session, body.bundle))
    definition = read_archive(archive)
    check_by_sdk(archive, definition)

    def act(work: Work) -> Answer:
        applied = apply(work, definition, bundle_digest=body.bundle, note=body.note)
        version = applied.definition
        view = ModelView.of(version, created=applied.created)
        return Answer(
            201 if applied.created else 200, view, location=f"/v1/models/{version.model}/versions/{version.version}"
        )

    return once(who, act, body=body, check=lambda work: require_admin(work, definition.model.name))


@router.get("/models", summary="The newest definition of each model")
def list_models(api: Api, who: Viewer, cursor: Cursor = None, limit: Limit = 50) -> ModelPage:
    """Sorted by name."""
    visible, after = who.models(Permission.VIEW), name_of(cursor)
    found = api.read(lambda session: queries.list_models(session, visible=visible, after=after, limit=limit + 1))
    end = page_end(found, limit, lambda each: each.model)
    return ModelPage(items=[ModelView.of(each) for each in found[:limit]], next=end)


@router.get("/models/{model}", responses=refusals(404), summary="A model's definition and its versions")
def get_model(api: Api, who: Viewer, model: str) -> ModelDetail:
    """The newest version in full, where the model serves now, and its newest 50 versions. An older one is found by its number."""
    return api.read(lambda session: _detail(session, model, None, visible=who.models(Permission.VIEW)))


@router.get("/models/{model}/versions/{version}", responses=refusals(404), summary="One version of a definition")
def get_model_version(
    api: Api, who: Viewer, model: str, version: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> ModelDetail:
    """A version never changes."""
    return api.read(lambda session: _detail(session, model, version, visible=who.models(Permission.VIEW)))


@router.get("/schema/release.json", summary="JSON Schema of release.yml", response_model=None)
def get_release_schema(_who: Viewer) -> dict[str, object]:
    """For editors: `# yaml-language-server: $schema=…`."""
    return json_schema()


def _detail(session: Session, model: str, version: int | None, *, visible: Visible) -> ModelDetail:
    if version is None:
        shown = queries.latest(session, model, visible=visible)
    else:
        shown = queries.get(session, model, version, visible=visible)
    versions = [ModelView.of(each) for each in queries.list_versions(session, model)]
    targets = targets_of(session, model)
    shares = serving_at_each(session, [each.id for each in targets])
    serving = [ServingView.at(target, share) for target in targets for share in shares[target.id]]
    return ModelDetail(
        **ModelView.of(shown).model_dump(), definition=without_values(shown.content), serving=serving, versions=versions
    )
