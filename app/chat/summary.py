"""The content of a message about one rollout: the same for every chat."""

from dataclasses import dataclass

from sqlmodel import Session

from app.approvals.service import decisions_on
from app.chat.difference import difference_lines
from app.errors import Conflict
from app.planning.sources import read_source
from app.planning.traffic_words import say_traffic
from app.releases.queries import plan_of, steps_of
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout

_TITLES = {
    Status.PENDING_APPROVAL: "waits for approval",
    Status.APPROVAL_REJECTED: "was rejected",
    Status.IN_PROGRESS: "is being released",
    Status.SUCCEEDED: "was released",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SUPERSEDED: "was superseded",
    Status.EXPIRED: "expired",
}


@dataclass(frozen=True)
class RolloutSummary:
    """Plain text, to be escaped for each chat."""

    title: str
    sentence: str
    waits: bool  # for people
    release_id: str
    stage: str
    plan_digest: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]
    traffic: tuple[str, ...]  # how the deployment gets it
    difference: tuple[str, ...]
    votes: tuple[str, ...]  # of people, oldest first


def read_summary(session: Session, rollout_id: str) -> RolloutSummary | None:
    """None when there is no such rollout."""
    rollout = session.get(Rollout, rollout_id)
    if rollout is None:
        return None
    release = session.get_one(Release, rollout.release_id)
    traffic, changes = _planned(session, rollout)
    done = _TITLES.get(rollout.status, f"is {rollout.status.value.replace('_', ' ')}")
    return RolloutSummary(
        title=f"{release.id} for {rollout.stage} {done}",
        sentence=rollout.sentence,
        waits=rollout.status is Status.PENDING_APPROVAL,
        release_id=release.id,
        stage=rollout.stage,
        plan_digest=rollout.plan_digest,
        facts=tuple(_facts(release, rollout)),
        steps=tuple(_steps(session, rollout)),
        traffic=tuple(traffic),
        difference=tuple(changes),
        votes=tuple(_votes(session, rollout)),
    )


def _facts(release: Release, rollout: Rollout) -> list[tuple[str, str]]:
    source = read_source(release.source)
    facts = [
        ("Model", release.model),
        (source.label, source.name),
        ("Definition", f"version {release.definition_version}"),
        ("Endpoint", f"{rollout.endpoint} in {rollout.workspace}"),
        *((("Deployment", rollout.deployment),) if rollout.deployment is not None else ()),
        ("Requested by", release.requested_by),
        ("Plan", rollout.plan_digest),
    ]
    return [*facts, ("Note", release.note)] if release.note else facts


def _steps(session: Session, rollout: Rollout) -> list[str]:
    steps = steps_of(session, rollout.id)
    begun = any(step.status is not StepStatus.PENDING for step in steps)
    return [f"{step.key}: {step.status.value}" if begun else step.key for step in steps]


def _planned(session: Session, rollout: Rollout) -> tuple[list[str], list[str]]:
    """How its deployment gets the traffic, and what changes. Of a plan that was changed past the service people are told just that."""
    try:
        return _traffic(session, rollout), difference_lines(session, rollout)
    except Conflict as no:
        return [], [str(no)]


def _traffic(session: Session, rollout: Rollout) -> list[str]:
    """Where that is more than one sentence: all of it at once is what people expect."""
    plan = plan_of(session, rollout).read()
    return say_traffic(plan.traffic, plan.analysis) if plan.analysis is not None else []


def _votes(session: Session, rollout: Rollout) -> list[str]:
    return [
        f"{vote.actor} {'approved' if vote.approve else 'rejected'}" + (f": {vote.reason}" if vote.reason else "")
        for vote in decisions_on(session, [rollout.id])
    ]
