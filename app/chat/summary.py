"""The content of a message about one rollout: the same for every chat."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from app.approvals.service import decisions_on
from app.chat.difference import difference_lines
from app.chat.occasions import FAILED, FAILED_UNPLANNED
from app.errors import Conflict
from app.events.tables import Event
from app.evidence.reports import newest_reports_on
from app.evidence.words import say_report
from app.freezes.queries import list_freezes
from app.identity.actor import SERVICE
from app.planning.sources import read_source
from app.planning.traffic_words import say_traffic
from app.releases.queries import plan_of, step_ids_of, steps_of
from app.releases.questions import is_question, what_ended
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout
from app.serving.queries import serving_now
from app.serving.words import say_deployment

_TITLES = {
    Status.PENDING_APPROVAL: "waits for approval",
    Status.APPROVAL_REJECTED: "was rejected",
    Status.IN_PROGRESS: "is being released",
    Status.SUCCEEDED: "was released",
    Status.FAILED: "failed",
    Status.ROLLED_BACK: "was taken back",
    Status.CANCELLED: "was cancelled",
    Status.SUPERSEDED: "was superseded",
    Status.EXPIRED: "expired",
}

# As people give it, by the kind of its event.
_ANSWERS = {
    "step.advance_requested": "go on",
    "step.extend_requested": "wait longer",
    "release.abort_requested": "go back",
    "release.cancel_requested": "cancel",
}

_DIGEST = re.compile(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b")


@dataclass(frozen=True)
class RolloutSummary:
    """Plain text, to be escaped for each chat."""

    title: str
    sentence: str
    release_id: str
    stage: str
    plan_digest: str
    page: str  # of the portal: its path
    facts: tuple[tuple[str, str], ...]
    waits: bool = False  # for people to approve it
    question: int | None = None  # the number of the event that asks what is not answered yet
    is_closed: bool = False  # it was a question, and is not open any more
    measured: tuple[str, ...] = ()
    traffic: tuple[str, ...] = ()  # how the deployment gets it
    steps: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()  # of people, oldest first

    @property
    def lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What there is, with a heading for each."""
        named = (
            ("Measured", self.measured),
            ("Traffic", self.traffic),
            ("Changes", self.difference),
            ("Steps", self.steps),
            ("Decisions", self.votes),
        )
        return tuple((name, lines) for name, lines in named if lines)


def read_summary(session: Session, subject: str, *, event: int | None = None) -> RolloutSummary | None:
    """Of a rollout as it is now, or of a question or a failure of it by the number of the ``event``.

    ``subject``: the rollout, or a release that failed before it was planned. None when there is no such thing.
    """
    rollout = session.get(Rollout, subject)
    release = session.get(Release, subject if rollout is None else rollout.release_id)
    told = None if event is None else session.get(Event, event)
    if release is None:
        return None
    if told is not None and (told.kind in FAILED or told.kind == FAILED_UNPLANNED):
        return _of_failure(session, release, rollout, told)
    if rollout is None:
        return None
    if told is not None and is_question(told):
        return _of_question(session, release, rollout, told)
    return _as_it_is(session, release, rollout)


def short_digests(text: str) -> str:
    """With the beginnings of digests in place of the whole: who wants to compare them has the page."""
    return _DIGEST.sub(r"\1…", text)


def _as_it_is(session: Session, release: Release, rollout: Rollout) -> RolloutSummary:
    waits = rollout.status is Status.PENDING_APPROVAL
    traffic, changes = _planned(session, rollout)
    return RolloutSummary(
        title=_title(release, rollout, rollout.status),
        sentence=short_digests(rollout.sentence),
        release_id=release.id,
        stage=rollout.stage,
        plan_digest=rollout.plan_digest,
        page=f"/releases/{release.id}",
        facts=tuple(_facts(release, rollout)),
        waits=waits,
        measured=_measured(session, step_ids_of(session, release.id)),
        steps=tuple(_steps(session, rollout)),
        traffic=tuple(traffic),
        difference=tuple(map(short_digests, changes)),
        votes=tuple(_votes(session, rollout)),
    )


def _of_question(session: Session, release: Release, rollout: Rollout, question: Event) -> RolloutSummary:
    """Open until somebody has answered it, wherever, or the rollout went on without an answer."""
    ended = what_ended(session, question)
    is_open = ended is None
    return RolloutSummary(
        title=f"{release.id} for {rollout.stage} {'needs an answer' if is_open else 'needs no answer any more'}",
        sentence=short_digests(question.data["sentence"] if ended is None else _say_end(ended)),
        release_id=release.id,
        stage=rollout.stage,
        plan_digest=rollout.plan_digest,
        page=f"/releases/{release.id}/answer" if is_open else f"/releases/{release.id}",
        facts=(*_facts(release, rollout, plan=False), ("Serves there now", _serves(session, rollout))),
        question=question.seq if is_open else None,
        is_closed=not is_open,
        measured=_measured(session, [step.id for step in steps_of(session, rollout.id)]),
    )


def _of_failure(session: Session, release: Release, rollout: Rollout | None, failed: Event) -> RolloutSummary:
    status = Status(failed.kind.partition(".")[2])
    facts = _facts(release, rollout, plan=False)
    if rollout is not None:
        facts.append(("Serves there now", _serves(session, rollout)))
        facts += [("Hold", hold) for hold in _holds(session, release, rollout)]
    since = release.status if rollout is None else rollout.status
    if since is not status:
        facts.append(("Since then", _title(release, rollout, since)))
    steps = [] if rollout is None else [step.id for step in steps_of(session, rollout.id)]
    return RolloutSummary(
        title=_title(release, rollout, status),
        sentence=short_digests(failed.data["sentence"]),
        release_id=release.id,
        stage="" if rollout is None else rollout.stage,
        plan_digest="" if rollout is None else rollout.plan_digest,
        page=f"/releases/{release.id}",
        facts=tuple(facts),
        measured=_measured(session, steps),
    )


def _title(release: Release, rollout: Rollout | None, status: Status) -> str:
    where = "" if rollout is None else f" for {rollout.stage}"
    done = _TITLES.get(status, f"is {status.value.replace('_', ' ')}")
    return f"{release.id}{where} {done}"


def _facts(release: Release, rollout: Rollout | None, *, plan: bool = True) -> list[tuple[str, str]]:
    source = read_source(release.source)
    facts = [
        ("Model", release.model),
        (source.label, source.name),
        ("Definition", f"version {release.definition_version}"),
        ("Requested by", release.requested_by),
    ]
    if rollout is not None:
        facts.append(("Endpoint", f"{rollout.endpoint} in {rollout.workspace}"))
        facts += [("Deployment", rollout.deployment)] if rollout.deployment is not None else []
        facts += [("Plan", short_digests(rollout.plan_digest))] if plan else []
    return [*facts, ("Note", release.note)] if release.note else facts


def _serves(session: Session, rollout: Rollout) -> str:
    shares = [
        f"{say_deployment(each.deployment, each.release_id)} {each.weight}%"
        for each in serving_now(session, rollout.target)
        if each.weight
    ]
    return ", ".join(shares) or "nothing on record"


def _holds(session: Session, release: Release, rollout: Rollout) -> list[str]:
    """That this service itself keeps the target as it is, and how that ends."""
    return [
        f"No rollout starts at {rollout.endpoint} until somebody ends this: mlrelease freeze delete {each.id}"
        for each in list_freezes(session, model=release.model)
        if each.created_by == SERVICE.name and each.target == rollout.target
    ]


def _measured(session: Session, step_ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(say_report(report) for report in newest_reports_on(session, step_ids))


def _say_end(ended: Event) -> str:
    """Who answered what, or what became of it."""
    answer = _ANSWERS.get(ended.kind)
    if answer is None:
        return str(ended.data["sentence"])
    reason = str(ended.data.get("reason", "")).strip()
    return f"{ended.actor} answered: {answer}" + (f" ({reason})." if reason else ".")


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
