"""Log lines of failures over HTTP, for those who may diagnose the model."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from app.api.documentation import refusals
from app.api.permissions import Admin, LogReader, Viewer
from app.api.service import Api, Service
from app.database.connection import Database
from app.errors import MlreleaseError
from app.evidence.service import delete_expired
from app.evidence.tables import Evidence
from app.identity.actor import Actor
from app.releasing.failure_logs import delete_log_of_job, delete_log_of_release, logs_of_job, logs_of_release
from app.releasing.measured import reports_of_release
from app.releasing.work import Work

router = APIRouter(tags=["logs of failures"])
log = structlog.get_logger(__name__)

DELETE_SECONDS = 3600.0  # between two deletions of what has expired

Workspace = Annotated[
    str | None, Query(max_length=255, description="needed if several workspaces have a job of this name")
]


class EvidenceView(BaseModel):
    """The last lines of a log, stored without secrets. `digest` is in the event chain."""

    id: str
    subject: str
    kind: str
    text: str | None  # None: deleted
    digest: str
    size: int
    created_at: datetime
    expires_at: datetime
    deleted_at: datetime | None
    deleted_by: str | None


class ReportView(BaseModel):
    """What golden requests or an analysis measured, and what that came to. `digest` is in the event chain: SHA-256 over the document's
    JSON with sorted keys and no spaces."""

    id: str
    subject: str = Field(description="the step run")
    kind: Literal["golden", "analysis"]
    verdict: Literal["passed", "failed", "inconclusive", "no_data"]
    document: dict[str, Any]
    digest: str
    created_at: datetime


class ReportList(BaseModel):
    items: list[ReportView]


class EvidenceList(BaseModel):
    items: list[EvidenceView]


@router.get(
    "/v1/releases/{release_id}/evidence", responses=refusals(404), summary="The logs of a release's failed steps"
)
def list_release_evidence(api: Api, who: LogReader, release_id: str) -> EvidenceList:
    """The oldest first. A log that was deleted or has expired has only its digest."""
    return _shown(api, lambda session: logs_of_release(session, who, release_id))


@router.get(
    "/v1/releases/{release_id}/reports",
    responses=refusals(404),
    summary="What golden requests and analyses of a release measured",
)
def list_release_reports(api: Api, who: Viewer, release_id: str) -> ReportList:
    """The oldest first: accuracy, agreement and latency of the new deployment and of what serves, with the verdicts and their reasons."""
    found = api.read(lambda session: reports_of_release(session, who, release_id))
    return ReportList(items=[ReportView.model_validate(each, from_attributes=True) for each in found])


@router.delete(
    "/v1/releases/{release_id}/evidence/{evidence_id}",
    responses=refusals(404),
    summary="Delete the text of a log before it expires",
)
def delete_release_evidence(api: Api, who: Admin, release_id: str, evidence_id: str) -> EvidenceView:
    """The digest and the event chain stay. Deleting it again changes nothing."""
    return _delete(api, who, lambda work: delete_log_of_release(work, release_id, evidence_id))


@router.get(
    "/v1/jobs/{name}/evidence", responses=refusals(404, 409), summary="The logs of a training job's failed steps"
)
def list_job_evidence(api: Api, who: LogReader, name: str, workspace: Workspace = None) -> EvidenceList:
    """The oldest first. A log that was deleted or has expired has only its digest."""
    return _shown(api, lambda session: logs_of_job(session, who, name, workspace=workspace))


@router.delete(
    "/v1/jobs/{name}/evidence/{evidence_id}",
    responses=refusals(404, 409),
    summary="Delete the text of a training job's log",
)
def delete_job_evidence(api: Api, who: Admin, name: str, evidence_id: str, workspace: Workspace = None) -> EvidenceView:
    """The digest and the event chain stay. Deleting it again changes nothing."""
    return _delete(api, who, lambda work: delete_log_of_job(work, name, evidence_id, workspace=workspace))


async def keep_deleting_expired(database: Database) -> None:
    """Delete expired logs for as long as the process serves."""
    while True:
        try:
            now = await asyncio.to_thread(database.now)
            await asyncio.to_thread(database.transact, partial(delete_expired, now=now))
        except MlreleaseError as error:
            log.warning("expired_logs_not_deleted", error=str(error))
        await asyncio.sleep(DELETE_SECONDS)


def _shown(api: Service, logs: Callable[[Session], Sequence[Evidence]]) -> EvidenceList:
    now = api.database.now()
    return EvidenceList(items=[_view(each, now=now) for each in api.read(logs)])


def _delete(api: Service, who: Actor, delete: Callable[[Work], Evidence]) -> EvidenceView:
    return api.releasing.transact(who, lambda work: _view(delete(work), now=work.now))


def _view(kept: Evidence, *, now: datetime) -> EvidenceView:
    view = EvidenceView.model_validate(kept, from_attributes=True)
    return view if kept.expires_at > now else view.model_copy(update={"text": None})
