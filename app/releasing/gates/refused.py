"""The guardrails, as they are now, do not let it go there."""

from app.guardrails.rules import say_all
from app.releases.queries import plan_of
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.guarding import refusals_of
from app.releasing.work import Work


def refused(work: Work, _release: Release, rollout: Rollout) -> Closed | None:
    refusals = refusals_of(work.guardrails, plan_of(work, rollout).read())
    return Closed(Status.FAILED, "guardrail_refused", say_all(refusals)) if refusals else None
