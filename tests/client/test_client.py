"""Both clients with the real service: what CI and notebooks do."""

import asyncio
import threading

import pytest

from mlrelease_client import (
    AsyncClient,
    Client,
    Conflict,
    Invalid,
    NotFound,
    Unauthenticated,
    WaitedTooLong,
    has_ended,
    needs_people,
)
from mlrelease_client.models import JobSource, Status
from tests.api.playing import definition
from tests.api.serving import Served
from tests.instant import InstantWorker


def test_model_is_applied_and_released_as_in_ci(client: Client, worker: InstantWorker) -> None:
    applied = client.apply_model(bundle=client.create_bundle(definition()).digest)
    asked = client.create_release(model="churn", job="job-1", stages=["dev"], idempotency_key="run-1")
    again = client.create_release(model="churn", job="job-1", stages=["dev"], idempotency_key="run-1")
    worker.prepare(asked.id)
    worker.complete(asked.id, "dev")
    ended = client.wait_for_release(asked.id, seconds=60)

    assert (applied.model, applied.stages) == ("churn", ["dev", "prod"])
    assert again.id == asked.id
    assert isinstance(asked.source, JobSource)
    assert ended.status is Status.SUCCEEDED
    assert ended.rollouts[0].steps[0].status == "succeeded"
    assert [each.id for each in client.list_releases(model="churn", status=[Status.SUCCEEDED]).items] == [asked.id]
    assert [each.seq for each in client.export_events()] == [each.seq for each in client.list_events().items]


def test_people_are_waited_for_or_not(client: Client, waiting: str) -> None:
    release = client.wait_for_release(waiting, until=needs_people)

    assert release.status is Status.PENDING_APPROVAL
    with pytest.raises(WaitedTooLong, match="pending_approval"):
        client.wait_for_release(waiting, seconds=0.01)
    plan = client.get_plan(waiting, "prod")
    approved = client.approve_rollout(waiting, "prod", plan_digest=plan.digest)
    assert [each.actor for each in approved.rollouts[1].decisions] == ["anna"]


def test_follower_sees_every_state_and_the_stream_every_event(
    client: Client, planned: str, worker: InstantWorker
) -> None:
    events: list[int] = []
    states: list[int] = []
    followers = (
        threading.Thread(target=lambda: events.extend(each.seq for each in client.release_events(planned))),
        threading.Thread(target=lambda: states.extend(each.revision for each in client.follow_release(planned))),
    )
    for each in followers:
        each.start()
    worker.complete(planned, "dev")
    client.cancel_release(planned, reason="enough")
    for each in followers:
        each.join(60)

    listed = client.list_release_events(planned, limit=200).items
    assert events == [each.seq for each in listed]
    assert states == sorted(set(states))
    assert states[-1] == listed[-1].seq


def test_refusals_are_errors_with_code_and_mistakes(service: Served, client: Client, waiting: str) -> None:
    with pytest.raises(NotFound) as unknown:
        client.get_release("../../v1/jobs")
    with pytest.raises(Invalid) as malformed:
        client.create_release(model="churn", job="job-1", note="x" * 1001)
    with pytest.raises(Conflict) as late:
        client.resume_release(waiting)
    with pytest.raises(Unauthenticated), Client(service.url, token="made-up") as stranger:  # noqa: S106 # nobody's
        stranger.list_releases()

    assert unknown.value.status == 404
    assert malformed.value.mistakes[0]["field"] == "body.note"
    assert late.value.hint is None or late.value.hint in str(late.value)


def test_async_client_does_the_same(service: Served, planned: str) -> None:
    async def follow() -> tuple[list[int], list[int], list[int]]:
        async with AsyncClient(service.url, auth=service.login("anna")) as client:
            with pytest.raises(WaitedTooLong):
                await client.wait_for_release(planned, seconds=0.01)
            ending = asyncio.create_task(client.wait_for_release(planned, seconds=60))
            await client.cancel_release(planned, reason="enough")
            assert has_ended(await ending)
            listed = (await client.list_release_events(planned)).items
            states = [each.revision async for each in client.follow_release(planned)]
            exported = [each.seq async for each in client.export_events() if each.release == planned]
            assert states == [listed[-1].seq]
            return [each.seq async for each in client.release_events(planned)], [each.seq for each in listed], exported

    streamed, listed, exported = asyncio.run(follow())

    assert streamed == listed == exported
