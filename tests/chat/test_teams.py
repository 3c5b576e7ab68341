"""A release in Teams: a card whose buttons lead to the portal."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.approvals.links import read_link
from app.chat.summary import read_summary
from app.notifications.queries import list_deliveries
from app.releases.queries import get_rollout
from app.releases.tables import StoredPlan
from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION
from tests.api.playing import apply, as_json, ask, definition, digest_of
from tests.api.serving import Served
from tests.asking import ask_in_dev
from tests.chat.conftest import notifying
from tests.instant import InstantWorker
from tests.notifications.receiving import LOOPBACK, Receiver, receiving
from tests.waiting import wait_until

KEY = "k" * 40


@pytest.fixture
def teams() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def settings(database_url: str, tmp_path: Path, teams: Receiver) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        development_login=True,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
        teams_urls={"churn": SecretStr(teams.url(path="/workflows/1/triggers/manual/paths/invoke?sig=s3cret"))},
        webhook_networks=LOOPBACK,
        webhook_http=True,
        signing_keys=SecretStr(KEY),
        public_url="http://127.0.0.1:8400",
    )


def cards(teams: Receiver) -> list[dict[str, Any]]:
    documents = [json.loads(each.body) for each in teams.received]
    assert {document["type"] for document in documents} <= {"message"}
    attachments = [document["attachments"][0] for document in documents]
    assert {each["contentType"] for each in attachments} <= {"application/vnd.microsoft.card.adaptive"}
    return [each["content"] for each in attachments]


def test_card_asks_by_links_and_a_later_one_tells_the_end(
    service: Served, teams: Receiver, worker: InstantWorker, ask_for_release: Callable[..., str]
) -> None:
    with notifying(service):
        release = ask_for_release(note="[press](https://evil.example) *here*")
        wait_until(lambda: teams.received, what="the card has arrived")
        berta = service.client("berta")
        approved = berta.post(
            f"/v1/releases/{release}/rollouts/prod/approve", json={"plan_digest": digest_of(berta, release)}
        )
        assert as_json(approved)["status"] == "queued"
        worker.complete(release, "prod")
        wait_until(lambda: len(teams.received) == 2, what="the end is told")

    asking, ended = cards(teams)
    assert (asking["type"], asking["version"]) == ("AdaptiveCard", "1.4")
    assert "waits for approval" in asking["body"][0]["text"]
    assert [action["title"] for action in asking["actions"]] == ["Approve", "Reject", "Open in the portal"]
    assert {action["type"] for action in asking["actions"]} == {"Action.OpenUrl"}
    assert "\\[press\\]\\(https://evil.example\\)" in json.loads(json.dumps(asking))["body"][2]["facts"][-1]["value"]
    for action in asking["actions"][:2]:
        token = parse_qs(urlsplit(action["url"]).query)["token"][0]
        with service.service.database.read() as session:
            link = read_link(session, (KEY,), token, now=service.service.database.now())
        assert (link.release_id, link.plan_digest, link.answer) == (
            release,
            digest_of(berta, release),
            action["title"].lower(),
        )
    assert "was released" in ended["body"][0]["text"]
    assert [action["url"] for action in ended["actions"]] == [f"http://127.0.0.1:8400/releases/{release}"]


def test_question_is_a_card_that_leads_to_its_answer_and_is_closed_by_another(
    service: Served, teams: Receiver, worker: InstantWorker
) -> None:
    """Also of a stage that nobody approves."""
    with notifying(service):
        release = ask_in_dev(service, worker)
        wait_until(lambda: len(teams.received) == 1, what="the question has arrived")
        olga = service.client("olga")
        assert olga.post(f"/v1/releases/{release}/advance", json={"reason": "the log is clean"}).is_success
        worker.complete(release, "dev")
        wait_until(lambda: len(teams.received) == 3, what="the answer and the end are told")

    asked, closed, ended = cards(teams)
    assert asked["body"][0]["text"] == "churn-1 for dev needs an answer"
    assert "Go on?" in asked["body"][1]["text"]
    assert asked["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "Answer in the portal",
            "url": f"http://127.0.0.1:8400/releases/{release}/answer",
        }
    ]
    assert "3 of 120 requests" in json.dumps(asked)
    assert closed["body"][0]["text"] == "churn-1 for dev needs no answer any more"
    assert closed["body"][1]["text"] == "olga answered: go on \\(the log is clean\\)."
    assert ended["body"][0]["text"] == "churn-1 for dev was released"


def test_failure_is_told_of_a_stage_that_nobody_approves(
    service: Served, teams: Receiver, worker: InstantWorker
) -> None:
    zoe = service.client("zoe")
    assert apply(zoe, definition()).status_code == 201
    with notifying(service):
        unplanned, failed = ask(zoe)["id"], ask(zoe)["id"]
        worker.prepare_in_vain(unplanned)
        worker.prepare(failed)
        worker.fail(failed, "dev")
        wait_until(lambda: len(teams.received) == 2, what="both are told")

    first, second = cards(teams)
    assert first["body"][0]["text"] == f"{unplanned} failed"
    assert "The job has no output 'model'." in first["body"][1]["text"]
    assert second["body"][0]["text"] == f"{failed} for dev failed"
    assert "Not this one." in second["body"][1]["text"]


def test_address_of_a_teams_webhook_is_kept_nowhere(
    service: Served, teams: Receiver, settings: Settings, ask_for_release: Callable[..., str]
) -> None:
    with notifying(service):
        ask_for_release()
        wait_until(lambda: teams.received, what="the card has arrived")
    with service.service.database.read() as session:
        kept = " ".join(str(each.model_dump()) for each in list_deliveries(session))
    assert "s3cret" not in kept
    assert "s3cret" not in repr(settings)


def test_whoever_is_told_of_one_whose_plan_was_changed_past_the_service_reads_that(
    service: Served, ask_for_release: Callable[..., str]
) -> None:
    release = ask_for_release()
    with service.service.database.write() as session:
        rollout = get_rollout(session, release, "prod")
        plan = session.get_one(StoredPlan, rollout.plan_digest)
        plan.document = json.loads(json.dumps(plan.document).replace("prod", "mallory"))
        session.add(plan)

    with service.service.database.read() as session:
        summary = read_summary(session, rollout.id)

    assert summary is not None
    assert "was changed past the service" in " ".join(summary.difference)
