"""How the API shows plans, their differences, and checks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from app.api.serving_views import ShareView
from app.documents.json_object import Json
from app.planning.sources import Source
from app.releases.plans import difference
from app.releases.states import DryRunState, Status
from app.releases.tables import DryRun, Rollout, StoredPlan
from app.serving.tables import TrafficShare


class ChangeView(BaseModel):
    """One field before and after; null: absent."""

    field: str
    before: Any
    after: Any


class PlanView(BaseModel):
    """A rollout's plan, the difference to what it replaces, and what serves there now."""

    release: str
    stage: str
    status: Status
    digest: str
    plan: Json
    replaces: str | None  # the release that it comes in place of, or came; null: nothing, or what others made
    difference: list[ChangeView] | None  # to that release; null where there is none
    serves: list[ShareView]  # what has traffic there now
    expires_at: datetime | None

    @classmethod
    def of(
        cls,
        rollout: Rollout,
        plan: StoredPlan,
        *,
        replaced: StoredPlan | None,
        serves: Sequence[TrafficShare],
        expires_at: datetime | None,
    ) -> "PlanView":
        """``replaced``: the plan of what it comes in place of. ``serves``: what has traffic there now."""
        replaces = plan.read().replaces
        differs = None if replaced is None else difference(replaced.document, plan.document)
        return cls(
            release=rollout.release_id,
            stage=rollout.stage,
            status=rollout.status,
            digest=plan.digest,
            plan=plan.document,
            replaces=None if replaces is None else replaces.release,
            difference=None if differs is None else [ChangeView(**vars(each)) for each in differs],
            serves=[ShareView.of(each) for each in serves],
            expires_at=expires_at,
        )


class CheckView(BaseModel):
    """The result of one preflight check."""

    stage: str | None  # null: of the release as a whole
    check: str
    outcome: Literal["passed", "warning", "failed", "unknown"]
    """Only `failed` stops a release. Unknown: Azure did not say. Warning: something that people should know before they approve."""
    code: str
    sentence: str
    hint: str | None
    rows: list[str] = []  # of each part that was looked at


class PlannedStageView(BaseModel):
    """The plan of one stage, and the difference to what served when the dry run was made."""

    stage: str
    plan: Json
    replaces: str | None  # the release that served there at that time; null: nothing, or what others made
    difference: list[ChangeView] | None
    found_digest: str | None = None  # of an adoption: over all that was found at the endpoint


class DryRunView(BaseModel):
    """A dry run: the plan of each stage, and the checks."""

    id: str
    model: str
    source: Source  # what its content comes from
    definition_version: int
    state: DryRunState
    code: str
    sentence: str
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    content: Json | None
    checks: list[CheckView]
    stages: list[PlannedStageView]

    @classmethod
    def of(cls, run: DryRun) -> "DryRunView":
        result = run.result or {"checks": [], "content": None, "stages": []}
        return cls.model_validate({**run.model_dump(exclude={"stages", "result"}), **result})
