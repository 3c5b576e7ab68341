"""The sole writer of the serving record: what was read back from Azure becomes rows and an event, in the caller's transaction."""

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, fields

from app.events.chain import Appended
from app.events.work import UnitOfWork
from app.planning.observed import DeploymentFacts, Observed
from app.releases.tables import Release
from app.serving.queries import deployed_at, serving_now
from app.serving.tables import Deployed, StoredTarget, TrafficShare

TRAFFIC_CHANGED = "traffic.changed"


@dataclass(frozen=True)
class At:
    """Where something was observed, and for whom: ``release`` None, where no release was about it."""

    target: str
    model: str
    stage: str
    release: Release | None = None


def record_observed(work: UnitOfWork, at: At, observed: Observed) -> None:
    """Bring the record of a target to what was observed there. What it says nothing about stays as it is recorded."""
    _keep_target(work, at, observed)
    before = {each.deployment: each for each in serving_now(work, at.target)}
    says_of_traffic_alone = not (
        observed.deployments or observed.gone or observed.is_empty or observed.there is not None
    )
    if says_of_traffic_alone and _are_as_before(before, *_shares_now(observed, before, gone=set())):
        return
    known = {each.name: each for each in deployed_at(work, at.target)}
    for facts in observed.deployments:
        known[facts.name] = _keep_deployment(work, at, facts, known.get(facts.name))
    gone = {name for name, row in known.items() if _is_gone(row, observed)}
    for name in gone:
        known.pop(name).until = work.now
    weights, mirrors = _shares_now(observed, before, gone=gone | {*observed.gone})
    _record_shares(work, at, before, known, weights, mirrors)
    work.flush()


def _keep_target(work: UnitOfWork, at: At, observed: Observed) -> None:
    found = work.get(StoredTarget, at.target, with_for_update=True)
    row = found or StoredTarget(id=at.target, model=at.model, stage=at.stage, since=work.now, updated_at=work.now)
    endpoint = row.endpoint if observed.endpoint is None else observed.endpoint.model_dump(mode="json")
    if (row.model, row.stage, row.endpoint) != (at.model, at.stage, endpoint):
        row.model, row.stage, row.endpoint, row.updated_at = at.model, at.stage, endpoint, work.now
    row.next_scan_at = None
    work.add(row)
    work.flush()


def _keep_deployment(work: UnitOfWork, at: At, facts: DeploymentFacts, known: Deployed | None) -> Deployed:
    if known is not None and known.release_id != facts.release:  # another one has taken its name
        known.until, known = work.now, None
        work.flush()  # its end comes first: a name has one row that is open
    if known is None:
        known = Deployed(target=at.target, name=facts.name, release_id=facts.release, facts={}, since=work.now)
    known.facts = facts.model_dump(mode="json")
    work.add(known)
    return known


def _is_gone(row: Deployed, observed: Observed) -> bool:
    made_by_a_release = row.release_id is not None
    missing = observed.there is not None and made_by_a_release and row.name not in observed.there
    return observed.is_empty or row.name in observed.gone or missing


def _shares_now(
    observed: Observed, before: Mapping[str, TrafficShare], *, gone: Set[str]
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Live and mirrored, by deployment. What is no more has none."""
    live = {name: each.weight for name, each in before.items()} if observed.traffic is None else observed.traffic
    mirrored = {name: each.mirror for name, each in before.items()} if observed.mirror is None else observed.mirror
    return (
        {name: share for name, share in live.items() if name not in gone},
        {name: share for name, share in mirrored.items() if name not in gone},
    )


def _are_as_before(before: Mapping[str, TrafficShare], weights: Mapping[str, int], mirrors: Mapping[str, int]) -> bool:
    had = {name: (each.weight, each.mirror) for name, each in before.items()}
    return had == {name: (weights.get(name, 0), mirrors.get(name, 0)) for name in _with_a_share(weights, mirrors)}


def _with_a_share(weights: Mapping[str, int], mirrors: Mapping[str, int]) -> list[str]:
    return sorted(name for name in {*weights, *mirrors} if weights.get(name) or mirrors.get(name))


def _record_shares(
    work: UnitOfWork,
    at: At,
    rows: Mapping[str, TrafficShare],
    known: Mapping[str, Deployed],
    weights: Mapping[str, int],
    mirrors: Mapping[str, int],
) -> None:
    before = {name: share_of(rows[name]) for name in sorted(rows)}
    after = {
        name: _share(name, known.get(name), weights.get(name, 0), mirrors.get(name, 0))
        for name in _with_a_share(weights, mirrors)
    }
    if before == after:
        return
    event = _tell(work, at, before, after)
    for name, row in rows.items():
        if before[name] != after.get(name):
            row.to_at = work.now
            work.number_with(event, row, number="to_event", at="to_at")
    work.flush()  # their ends come first: a deployment has one share that is open
    for name, share in after.items():
        if share != before.get(name):
            row = TrafficShare(target=at.target, from_at=work.now, **asdict(share))
            work.add(row)
            work.number_with(event, row, number="from_event", at="from_at")


@dataclass(frozen=True)
class Share:
    """What a row and an event say of a share: where one differs, it is another share."""

    deployment: str
    release_id: str | None
    model_version: str | None
    model_digest: str | None
    weight: int
    mirror: int


def share_of(row: TrafficShare) -> Share:
    """What a row says."""
    return Share(**{each.name: getattr(row, each.name) for each in fields(Share)})


def _share(name: str, deployed: Deployed | None, weight: int, mirror: int) -> Share:
    facts = deployed.read() if deployed is not None else DeploymentFacts(name=name)
    return Share(
        deployment=name,
        release_id=facts.release,
        model_version=facts.model,
        model_digest=facts.digest,
        weight=weight,
        mirror=mirror,
    )


def _tell(work: UnitOfWork, at: At, before: Mapping[str, Share], after: Mapping[str, Share]) -> Appended:
    return work.append_event(
        TRAFFIC_CHANGED,
        subject=at.target,
        release=at.release,
        model=at.model,
        data={
            "stage": at.stage,
            "before": [asdict(each) for each in before.values()],
            "after": [asdict(each) for each in after.values()],
        },
    )
