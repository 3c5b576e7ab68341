"""Training jobs over HTTP: record one that exists, or submit a folder."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.paging import Cursor, Limit, number_of, page_end
from app.api.permissions import Viewer, may
from app.api.service import Api
from app.api.views import JobPage, JobView
from app.bundles.store import load
from app.definitions.names import JobName
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.jobs import queries
from app.jobs.folder import check_folder
from app.jobs.service import Submission
from app.releasing.training_jobs import request_job
from app.releasing.work import Work

router = APIRouter(prefix="/v1/jobs", tags=["training jobs"])


class GitFacts(Body):
    """Git facts of the submitted folder, as the caller states them."""

    commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    author: str | None = Field(default=None, max_length=250, examples=["Anna <anna@example.org>"])
    branch: str | None = Field(default=None, max_length=250, examples=["main"])
    dirty: bool = Field(default=False, description="the folder differs from the commit")


class NewJob(Body):
    """An existing job by its name, or a folder to submit; then the name is optional."""

    model: Name = Field(examples=["sentiment-model"])
    name: JobName | None = Field(default=None, examples=["careful_fox_4zk1"])
    bundle: Name | None = Field(default=None, description="digest of the uploaded folder")
    entry: str | None = Field(
        max_length=1024, default=None, description="the job's YAML in that folder", examples=["pipeline.yml"]
    )

    environments: list[Name] = Field(
        default_factory=list,
        max_length=20,
        description="YAML files of environments in that folder, registered before the job is submitted if they are missing",
        examples=[["environment/environment.yml"]],
    )

    git: GitFacts | None = Field(
        default=None, description="git facts of the folder, recorded as the submitter's statement"
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "NewJob":
        if (self.bundle is None) != (self.entry is None):
            raise ValueError("bundle and entry go together")
        if self.bundle is None and self.name is None:
            raise ValueError("name an existing job, or give bundle and entry to submit one")
        return self

    @property
    def submission(self) -> Submission | None:
        if self.bundle is None or self.entry is None:
            return None
        git = self.git.model_dump() if self.git is not None else None
        return Submission(self.bundle, self.entry, tuple(self.environments), git)


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    responses=refusals(404, 409, 413),
    summary="Record or submit a training job",
)
def create_job(api: Api, once: Once, who: Annotated[Actor, may(request_job)], body: NewJob) -> Response:
    """Answers at once. A worker then submits the job, if it is new, and follows it to its end."""
    name = body.name or f"{body.model}-{secrets.token_hex(4)}"
    submission = body.submission
    if submission is not None:
        check_folder(api.read(lambda session: load(session, submission.bundle_digest)), submission)

    def act(work: Work) -> Answer:
        job = request_job(work, body.model, name=name, submission=submission)
        return Answer(202, JobView.of(job), location=f"/v1/jobs/{job.name}?workspace={job.workspace}")

    return once(who, act, body=body, check=lambda work: request_job.check(work, body.model))


@router.get("", summary="Training jobs, the newest first")
def list_jobs(api: Api, who: Viewer, model: str | None = None, cursor: Cursor = None, limit: Limit = 50) -> JobPage:
    """Each as it was last seen; this does not call Azure ML."""
    before, visible = number_of(cursor), who.models(Permission.VIEW)
    jobs = api.read(
        lambda session: queries.list_jobs(session, model=model, before=before, limit=limit + 1, visible=visible)
    )
    return JobPage(items=[JobView.of(job) for job in jobs[:limit]], next=page_end(jobs, limit, lambda job: job.id))


@router.get("/{name}", responses=refusals(404, 409), summary="One training job")
def get_job(api: Api, who: Viewer, name: str, workspace: Annotated[str | None, Query()] = None) -> JobView:
    """Names are unique in a workspace. If several workspaces have this name (409), add `workspace`."""
    visible = who.models(Permission.VIEW)
    return JobView.of(api.read(lambda session: queries.get_job(session, name, workspace=workspace, visible=visible)))
