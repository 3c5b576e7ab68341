"""A release in Slack: asked, decided by a button, followed to its end."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.chat.blocks import APPROVE, REJECT
from app.notifications.queries import list_deliveries
from app.notifications.tables import Channel, DeliveryStatus
from tests.api.conftest import on_sqlite
from tests.api.playing import as_json, digest_of
from tests.api.serving import Served, busy_threads
from tests.chat.conftest import notifying, status_of
from tests.chat.slack import Slack, send
from tests.instant import InstantWorker
from tests.notifications.conftest import make_due
from tests.waiting import wait_until

AskForRelease = Callable[..., str]


@pytest.fixture
def waiting(notifier: object, slack: Slack, ask_for_release: AskForRelease) -> str:  # noqa: ARG001 - at work meanwhile
    """The id of a release that Slack asks about."""
    release = ask_for_release()
    wait_until(lambda: slack.messages, what="Slack shows it")
    return release


def test_message_shows_the_plan_and_asks(service: Served, slack: Slack, waiting: str) -> None:
    shown = slack.text_of()

    for told in (
        waiting,
        "waits for approval",
        "churn-prod",
        "job-1",
        "zoe",
        digest_of(service.client("zoe"), waiting),
        "share_model",
    ):
        assert told in shown, told
    buttons = [element for block in slack.the_message()["blocks"] for element in block.get("elements", [])]
    assert [button.get("action_id", button.get("url")) for button in buttons] == [
        APPROVE,
        REJECT,
        f"http://127.0.0.1:8400/releases/{waiting}",
    ]
    assert json.loads(buttons[0]["value"])["plan"] == digest_of(service.client("zoe"), waiting)


def test_message_tells_what_is_another_than_what_serves(
    slack: Slack, waiting: str, worker: InstantWorker, caller: httpx.Client, ask_for_release: AskForRelease
) -> None:
    assert send(caller, slack.press(APPROVE)).status_code == 200
    worker.complete(waiting, "prod")

    ask_for_release(job="job-2")

    wait_until(lambda: len(slack.messages) == 2, what="Slack shows the second")
    assert "model.digest: sha256:churn-1 → sha256:churn-2" in json.dumps(
        list(slack.messages.values())[-1], ensure_ascii=False
    )


def test_approval_by_button_queues_the_rollout_and_the_message_follows_it_to_its_end(
    service: Served, slack: Slack, waiting: str, worker: InstantWorker, caller: httpx.Client
) -> None:
    assert send(caller, slack.press(APPROVE)).status_code == 200

    release = as_json(service.client("zoe").get(f"/v1/releases/{waiting}"))
    assert release["status"] == "queued"
    (decision,) = release["rollouts"][1]["decisions"]
    assert (decision["actor"], decision["via"], decision["approve"]) == ("anna", "chat", True)
    wait_until(lambda: "anna approved" in slack.text_of(), what="the message says who approved")
    assert APPROVE not in slack.text_of()
    worker.complete(waiting, "prod")
    wait_until(lambda: "was released" in slack.text_of(), what="the message says how it ended")
    assert "create_deployment: succeeded" in slack.text_of()
    assert slack.calls.count("chat.postMessage") == 1


def test_rejection_asks_for_a_reason_and_keeps_it(
    service: Served, slack: Slack, waiting: str, caller: httpx.Client
) -> None:
    assert send(caller, slack.press(REJECT)).status_code == 200
    assert status_of(service, waiting) == "pending_approval"
    wait_until(lambda: slack.views, what="the form is open")
    assert slack.views[-1]["title"]["text"] == "Reject prod"

    assert send(caller, slack.submit("Accuracy is too low.")).status_code == 200

    assert status_of(service, waiting) == "approval_rejected"
    wait_until(lambda: "anna rejected: Accuracy is too low." in slack.text_of(), what="the message says why")


def test_rejection_without_a_reason_is_said_in_the_form(
    service: Served, slack: Slack, waiting: str, caller: httpx.Client
) -> None:
    send(caller, slack.press(REJECT))

    answer = send(caller, slack.submit("   "))

    assert answer.json()["response_action"] == "errors"
    assert "reason" in answer.json()["errors"]["reason"]
    assert status_of(service, waiting) == "pending_approval"


@pytest.mark.usefixtures("waiting")
def test_second_word_on_what_is_decided_is_answered_to_who_pressed(slack: Slack, caller: httpx.Client) -> None:
    late = slack.press(APPROVE, user="U0BERTA")
    send(caller, slack.press(APPROVE))

    assert send(caller, late).status_code == 200

    wait_until(lambda: slack.ephemeral, what="who pressed is answered")
    (said,) = slack.ephemeral
    assert said["user"] == "U0BERTA"
    assert "No decision was recorded." in said["text"]
    assert "does not wait for approval" in said["text"]


@on_sqlite
def test_stalled_slack_holds_up_nobody_who_reads_or_writes(
    service: Served, slack: Slack, waiting: str, caller: httpx.Client
) -> None:
    presses = [slack.press(REJECT) for _ in range(60)]
    before = slack.calls.count("views.open")
    slack.goes_on.clear()

    with ThreadPoolExecutor(60) as people:
        assert {each.status_code for each in people.map(lambda press: send(caller, press), presses)} == {200}
    wait_until(lambda: slack.calls.count("views.open") > before, what="a form is to be opened")

    assert service.inside(busy_threads) == 0
    for _ in range(10):
        assert caller.get(f"/v1/releases/{waiting}").status_code == 200
        assert caller.get("/health/ready").status_code == 200
    assert send(caller, slack.press(APPROVE)).status_code == 200
    assert status_of(service, waiting) == "queued"
    wait_until(lambda: _replies(service), what="who could not be asked is to be told so")
    slack.goes_on.set()


def test_slack_that_is_away_gets_the_message_when_it_is_back(
    service: Served, slack: Slack, ask_for_release: AskForRelease
) -> None:
    slack.fail_next += [(503, {}, {"ok": False, "error": "service_unavailable"})]
    with notifying(service):
        ask_for_release()
        wait_until(lambda: slack.calls, what="it was tried")
        wait_until(lambda: _tries(service) == 1, what="it is noted")
        make_due(service.service.database)
        wait_until(lambda: slack.messages, what="Slack shows it")


def test_slack_that_wants_a_pause_gets_it(service: Served, slack: Slack, ask_for_release: AskForRelease) -> None:
    slack.fail_next += [(429, {"Retry-After": "120"}, {"ok": False, "error": "ratelimited"})]
    with notifying(service):
        ask_for_release()
        wait_until(lambda: slack.calls and _tries(service) == 1, what="it was tried")
    with service.service.database.read() as session:
        (delivery,) = list_deliveries(session)
    assert (delivery.due_at - delivery.created_at).total_seconds() > 100
    assert "ratelimited" in delivery.sentence


def test_decision_does_not_wait_for_slack(service: Served, slack: Slack, waiting: str, caller: httpx.Client) -> None:
    pressed = slack.press(APPROVE)
    slack.goes_on.clear()  # it takes what it is asked, and answers nothing
    try:
        assert send(caller, pressed).status_code == 200
        assert status_of(service, waiting) == "queued"
        assert not slack.goes_on.is_set()
    finally:
        slack.goes_on.set()


def test_channel_that_is_not_there_ends_among_the_dead_letters(
    service: Served, slack: Slack, ask_for_release: AskForRelease
) -> None:
    slack.channels.clear()
    with notifying(service):
        ask_for_release()
        wait_until(lambda: _dead(service), what="it is given up")
    assert "channel_not_found" in _dead(service)[0]


def test_what_people_wrote_mentions_nobody(slack: Slack, notifier: object, ask_for_release: AskForRelease) -> None:  # noqa: ARG001 - at work meanwhile
    ask_for_release(note="<!channel> & <https://evil.example|press here>")

    wait_until(lambda: slack.messages, what="Slack shows it")
    assert "<!channel>" not in slack.text_of()
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|press here&gt;" in slack.text_of()


def test_longest_note_fits_into_a_message(slack: Slack, notifier: object, ask_for_release: AskForRelease) -> None:  # noqa: ARG001 - at work meanwhile
    ask_for_release(note="<&>" * 300)

    wait_until(lambda: slack.messages, what="Slack has taken it")


def _tries(service: Served) -> int:
    with service.service.database.read() as session:
        return max((delivery.tries for delivery in list_deliveries(session)), default=0)


def _replies(service: Served) -> int:
    with service.service.database.read() as session:
        return sum(each.channel is Channel.SLACK_REPLY for each in list_deliveries(session))


def _dead(service: Served) -> list[str]:
    with service.service.database.read() as session:
        return [each.sentence for each in list_deliveries(session, status=DeliveryStatus.DEAD)]
