"""How the API shows plans, their differences, and checks."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from app.releases.plans import difference
from app.releases.states import DryRunState, Status
from app.releases.tables import DryRun, Plan, Rollout

Json = dict[str, Any]


class ChangeView(BaseModel):
    """One field before and after; null: absent."""

    field: str
    before: Any
    after: Any


class PlanView(BaseModel):
    """A rollout's plan, and the difference to what serves now."""

    release: str
    stage: str
    status: Status
    digest: str
    plan: Json
    serves: str | None  # the release that serves there now, as far as this service knows
    difference: list[ChangeView] | None  # to that release; null where there is none
    expires_at: datetime | None

    @classmethod
    def of(cls, rollout: Rollout, plan: Plan, *, serves: Plan | None, expires_at: datetime | None) -> "PlanView":
        differs = None if serves is None else difference(serves.document, plan.document)
        return cls(
            release=rollout.release_id,
            stage=rollout.stage,
            status=rollout.status,
            digest=plan.digest,
            plan=plan.document,
            serves=(plan.document["replaces"] or {}).get("release"),
            difference=None if differs is None else [ChangeView(**vars(each)) for each in differs],
            expires_at=expires_at,
        )


class CheckView(BaseModel):
    """The result of one preflight check."""

    stage: str | None  # null: of the release as a whole
    check: str
    outcome: Literal["passed", "failed", "unknown"]  # unknown: Azure did not say, which does not stop a release
    code: str
    sentence: str
    hint: str | None


class PlannedStageView(BaseModel):
    """The plan of one stage, and the difference to what serves now."""

    stage: str
    plan: Json
    serves: str | None
    difference: list[ChangeView] | None


class DryRunView(BaseModel):
    """A dry run: the plan of each stage, and the checks."""

    id: str
    model: str
    job: str
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
        return cls.model_validate({**run.model_dump(exclude={"stages", "result", "source"}), **result})
