"""Approving and rejecting."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.playing import as_json, digest_of
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker


def decide(client: httpx.Client, release: str, word: str, stage: str = "prod", **body: Any) -> httpx.Response:
    """On the plan as it is now, unless another one is given."""
    plan = client.get(f"/v1/releases/{release}/rollouts/{stage}/plan")
    body = {"plan_digest": plan.json().get("digest", "sha256:none"), **body}
    return client.post(f"/v1/releases/{release}/rollouts/{stage}/{word}", json=body)


def test_approval_queues_the_rollout_and_is_kept(service: Served, waiting: str) -> None:
    berta = service.client("berta")

    release = as_json(decide(berta, waiting, "approve", reason="  Looks good. "))

    assert release["status"] == "queued"
    prod = release["rollouts"][1]
    assert prod["status"] == "queued"
    (decision,) = prod["decisions"]
    assert (decision["approve"], decision["actor"], decision["reason"]) == (True, "berta", "Looks good.")
    assert decision["plan_digest"] == prod["plan_digest"]
    kinds = [event["kind"] for event in as_json(berta.get(f"/v1/releases/{waiting}/events"))["items"]]
    assert "approval.approved" in kinds


def test_rejection_ends_the_release_with_its_reason(anna: httpx.Client, waiting: str) -> None:
    release = as_json(decide(anna, waiting, "reject", reason="Accuracy is too low."))

    assert release["status"] == "approval_rejected"
    assert "Rejected by anna: Accuracy is too low." in release["sentence"]
    assert release["finished_at"] is not None
    assert release["rollouts"][1]["decisions"][0]["approve"] is False


@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": "   "}])
def test_rejection_without_a_reason_is_refused(anna: httpx.Client, waiting: str, reason: dict[str, str]) -> None:
    problem_of(decide(anna, waiting, "reject", **reason), 422, "reason_missing")

    assert as_json(anna.get(f"/v1/releases/{waiting}"))["status"] == "pending_approval"


def test_word_on_another_plan_is_refused(anna: httpx.Client, waiting: str) -> None:
    for word in ("approve", "reject"):
        refused = decide(anna, waiting, word, reason="So.", plan_digest="sha256:what-i-saw")
        assert problem_of(refused, 409, "plan_changed")["plan_digest"] == digest_of(anna, waiting)

    release = as_json(anna.get(f"/v1/releases/{waiting}"))
    assert release["status"] == "pending_approval"
    assert release["rollouts"][1]["decisions"] == []
    assert decide(anna, waiting, "approve", plan_digest=digest_of(anna, waiting)).status_code == 200


def test_nothing_to_decide_where_nothing_waits(anna: httpx.Client, planned: str) -> None:
    for word in ("approve", "reject"):
        for stage in ("dev", "prod"):
            refused = decide(anna, planned, word, stage, reason="So.")
            assert planned in problem_of(refused, 409, "nothing_to_decide")["detail"]


def test_deciding_twice_is_refused(anna: httpx.Client, service: Served, waiting: str) -> None:
    as_json(decide(anna, waiting, "approve"))

    problem_of(decide(anna, waiting, "approve"), 409, "nothing_to_decide")
    problem_of(decide(service.client("berta"), waiting, "reject", reason="No."), 409, "nothing_to_decide")


@pytest.mark.both_databases
def test_of_two_words_at_once_one_counts(service: Served, waiting: str) -> None:
    callers = [(service.client(f"caller-{number}"), word) for number in range(6) for word in ("approve", "reject")]

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = list(pool.map(lambda caller: decide(caller[0], waiting, caller[1], reason="So."), callers))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (len(callers) - 1)
    (decision,) = as_json(callers[0][0].get(f"/v1/releases/{waiting}"))["rollouts"][1]["decisions"]
    assert decision["approve"] is (next(a for a in answers if a.status_code == 200).json()["status"] == "queued")


def test_stage_that_is_not_planned_or_not_there(anna: httpx.Client, release: str, worker: InstantWorker) -> None:
    problem_of(decide(anna, release, "approve"), 404, "rollout_not_planned")
    worker.prepare(release)

    problem = problem_of(decide(anna, release, "approve", "qa"), 404, "stage_not_in_release")

    assert problem["hint"] == "Its stages: dev, prod."
