"""Approving what must not be approved: each attempt with the answer that it must get."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.database.connection import Database
from app.events.chain import verify_chain
from app.events.tables import EventHead
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.releases.queries import list_events, plan_of
from app.releases.states import Status
from app.releases.tables import Rollout
from app.releasing.decisions import approve as approve_in
from app.releasing.work import Work
from tests.api.playing import apply, approve, as_json, ask, definition, digest_of
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker

pytestmark = pytest.mark.both_databases

Json = dict[str, Any]
STRICT: Json = {"count": 2, "groups": ["risk"], "expires_after": "2h", "break_glass": {"groups": ["on-call"]}}


@pytest.fixture
def asked(anna: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """The id of anna's release whose prod needs two others, one of risk; bert wrote the commit."""
    worker.content = {"git_author": "Bert <bert@example.org>"}
    return _ask_for(anna, worker, churn, STRICT)


def _ask_for(anna: httpx.Client, worker: InstantWorker, model: str, policy: Json) -> str:
    """A release that waits before prod."""
    assert apply(anna, definition(model, approval=policy)).status_code == 201
    release: str = ask(anna, model=model)["id"]
    worker.prepare(release)
    worker.complete(release, "dev")
    return release


def of(name: str, *groups: str, role: Role = Role.APPROVER) -> Actor:
    return Actor(name=name, via="api", groups=frozenset(groups), grants=(Grant(role),))


def vote(worker: InstantWorker, release: str, actor: Actor, **more: Any) -> Status:
    """A word of somebody whose groups are known, on the plan as it is."""
    with Work(worker.releasing, actor, now=more.pop("now", None)).transaction() as work:
        digest = work.get_one(Rollout, f"{release}:prod").plan_digest
        return approve_in(work, release, "prod", **{"plan_digest": digest, **more}).status


def status_of(client: httpx.Client, release: str) -> str:
    status: str = as_json(client.get(f"/v1/releases/{release}"))["status"]
    return status


def kinds_of(client: httpx.Client, release: str) -> list[str]:
    return [event["kind"] for event in as_json(client.get(f"/v1/releases/{release}/events"))["items"]]


def test_two_of_whom_one_is_of_the_group_approve(
    service: Served, worker: InstantWorker, anna: httpx.Client, asked: str
) -> None:
    first = as_json(approve(service.client("carl"), asked))
    assert first["status"] == "pending_approval"
    assert first["rollouts"][1]["missing"] == ["1 more approval, from group risk"]
    assert first["rollouts"][1]["expires_at"] is not None

    assert vote(worker, asked, of("dora", "risk")) is Status.QUEUED

    words = as_json(anna.get(f"/v1/releases/{asked}"))["rollouts"][1]["decisions"]
    assert [(word["actor"], word["groups"], word["is_void"]) for word in words] == [
        ("carl", [], False),
        ("dora", ["risk"], False),
    ]


@pytest.mark.parametrize(
    ("who", "code"), [("anna", "self_approval"), ("ANNA", "self_approval"), ("bert@example.org", "commit_author")]
)
def test_self_approval_is_refused(service: Served, asked: str, who: str, code: str) -> None:
    problem_of(approve(service.client(who), asked), 403, code)

    assert status_of(service.client("carl"), asked) == "pending_approval"


def test_same_person_twice_counts_once(service: Served, asked: str) -> None:
    as_json(approve(service.client("carl"), asked))

    for again in ("carl", "Carl", "CARL"):
        problem_of(approve(service.client(again), asked), 409, "already_voted")
    assert status_of(service.client("carl"), asked) == "pending_approval"


def test_approval_without_a_digest_is_malformed(service: Served, asked: str) -> None:
    path = f"/v1/releases/{asked}/rollouts/prod/approve"

    assert service.client("carl").post(path, json={"reason": "Fine."}).status_code == 422


def test_stale_digest_is_refused_with_what_changed(
    service: Served, worker: InstantWorker, anna: httpx.Client, asked: str
) -> None:
    stale = digest_of(anna, asked)
    as_json(approve(service.client("carl"), asked))
    other = _serve_another(anna, worker)

    refused = approve(service.client("dora"), asked, plan_digest=stale)

    problem = problem_of(refused, 409, "plan_changed")
    assert {"field": "replaces.release", "before": None, "after": other} in problem["changes"]
    assert problem["plan_digest"] == digest_of(anna, asked) != stale
    seen = as_json(anna.get(f"/v1/releases/{asked}"))["rollouts"][1]
    assert [word["is_void"] for word in seen["decisions"]] == [True], "what carl saw is none any more"
    assert seen["missing"] == ["2 more approvals, including one from group risk"]
    assert "approval.voided" in kinds_of(anna, asked)
    as_json(approve(service.client("carl"), asked))


def test_what_serves_differently_when_its_turn_has_come_is_asked_anew(
    service: Served, worker: InstantWorker, anna: httpx.Client, asked: str
) -> None:
    approve(service.client("carl"), asked)
    assert vote(worker, asked, of("dora", "risk")) is Status.QUEUED
    _serve_another(anna, worker)

    worker.carry_out(asked, "prod")

    assert status_of(anna, asked) == "pending_approval"
    prod = as_json(anna.get(f"/v1/releases/{asked}"))["rollouts"][1]
    assert {step["status"] for step in prod["steps"]} == {"pending"}


def _serve_another(anna: httpx.Client, worker: InstantWorker) -> str:
    """A release of another model that goes to the same endpoint and succeeds there."""
    apply(anna, definition("other", approval="none"))
    other: str = ask(anna, model="other", job="job-2")["id"]
    worker.prepare(other)
    for stage in ("dev", "prod"):
        worker.complete(other, stage)
    return other


def test_approval_after_expiry_is_refused_and_a_look_ends_it(
    worker: InstantWorker, anna: httpx.Client, asked: str
) -> None:
    late = datetime.now(UTC) + timedelta(hours=3)

    with pytest.raises(Exception, match="time to decide ended") as refused:
        vote(worker, asked, of("carl", "risk"), now=late)
    assert refused.value.code == "approval_expired"  # type: ignore[attr-defined] # one of ours

    worker.look(asked, "prod")
    assert status_of(anna, asked) == "pending_approval", "not yet"
    worker.look(asked, "prod", now=late)
    assert status_of(anna, asked) == "expired"
    problem_of(approve(anna, asked), 409, "nothing_to_decide")


def test_approval_after_cancel_and_after_the_decision_is_refused(
    service: Served, anna: httpx.Client, asked: str
) -> None:
    carl = service.client("carl")
    as_json(approve(carl, asked))
    as_json(anna.post(f"/v1/releases/{asked}/cancel", json={}))

    problem_of(approve(service.client("dora"), asked), 409, "nothing_to_decide")
    assert "approval.voided" in kinds_of(anna, asked)


def test_cancelled_after_the_decision_is_asked_anew_when_retried(
    service: Served, worker: InstantWorker, anna: httpx.Client, asked: str
) -> None:
    approve(service.client("carl"), asked)
    assert vote(worker, asked, of("dora", "risk")) is Status.QUEUED
    problem_of(approve(service.client("emil"), asked), 409, "nothing_to_decide")
    as_json(anna.post(f"/v1/releases/{asked}/cancel", json={}))

    assert as_json(anna.post(f"/v1/releases/{asked}/retry"))["status"] == "pending_approval"


def test_of_fifty_last_votes_at_once_exactly_one_decides(
    service: Served, worker: InstantWorker, anna: httpx.Client, churn: str
) -> None:
    release = _ask_for(anna, worker, churn, {"count": 2})
    as_json(approve(service.client("first"), release))
    callers = [service.client(f"caller-{number}") for number in range(50)]
    body = {"plan_digest": digest_of(callers[0], release)}
    path = f"/v1/releases/{release}/rollouts/prod/approve"

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = list(pool.map(lambda caller: caller.post(path, json=body), callers))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    _assert_decided_once(worker.database, release)


def _assert_decided_once(database: Database, release: str) -> None:
    with database.read() as session:
        rollout = session.get_one(Rollout, f"{release}:prod")
        assert (rollout.status, rollout.attempt) == (Status.QUEUED, 1)
        events = list_events(session, limit=10_000)
        verify_chain(events, head=session.get_one(EventHead, 1))
        assert sum(event.kind == "approval.approved" for event in events) == 2


def test_glass_is_broken_by_two_of_the_group_and_loudly(worker: InstantWorker, anna: httpx.Client, asked: str) -> None:
    for wrong, code in [
        (of("carl", "on-call"), "break_glass_not_allowed"),  # may not operate
        (of("carl", role=Role.ADMIN), "break_glass_not_allowed"),  # not of the group
    ]:
        with pytest.raises(Exception, match="break") as refused:
            vote(worker, asked, wrong, emergency=True, reason="It burns.")
        assert refused.value.code == code  # type: ignore[attr-defined] # one of ours
    with pytest.raises(Exception, match="needs a reason"):
        vote(worker, asked, of("carl", "on-call", role=Role.ADMIN), emergency=True)
    hold = as_json(anna.post("/v1/freezes", json={"reason": "Stop.", "model": "churn"}))["id"]

    one = vote(worker, asked, of("carl", "on-call", role=Role.ADMIN), emergency=True, reason="It burns.")
    two = vote(worker, asked, of("anna", "on-call", role=Role.ADMIN), emergency=True, reason="It does.")

    assert (one, two) == (Status.PENDING_APPROVAL, Status.QUEUED), f"{hold} does not keep it"
    assert kinds_of(anna, asked).count("approval.break_glass") == 2


def test_plan_says_what_changes_for_callers(worker: InstantWorker, anna: httpx.Client, release: str) -> None:
    worker.prepare(release)
    worker.complete(release, "dev")
    as_json(approve(anna, release))
    worker.complete(release, "prod")
    second: str = ask(anna, job="job-1")["id"]
    worker.prepare(second)
    worker.complete(second, "dev")

    plan = as_json(anna.get(f"/v1/releases/{second}/rollouts/prod/plan"))

    assert [each["release"] for each in plan["serves"]] == [release]
    assert plan["difference"] == [{"field": "model.digest", "before": f"sha256:{release}", "after": f"sha256:{second}"}]
    with worker.database.read() as session:
        assert plan_of(session, session.get_one(Rollout, f"{second}:prod")).digest == plan["digest"]
