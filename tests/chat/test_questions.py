"""A rollout that asks in Slack what was measured, and could not be decided: answered by a button, closed wherever it is answered."""

import json

import httpx
import pytest

from app.chat.blocks import ABORT, ADVANCE, EXTEND
from app.chat.slack_messages import announce_in_slack
from app.notifications.queries import list_deliveries
from app.releases.queries import list_events
from app.releases.questions import is_question
from tests.api.playing import apply, as_json, ask, definition
from tests.api.serving import Served
from tests.asking import ask_in_dev
from tests.chat.conftest import notifying, status_of
from tests.chat.slack import Json, Slack, send
from tests.instant import InstantWorker
from tests.waiting import wait_until

OLGA = "U0OLGA"


@pytest.fixture
def asked(notifier: object, service: Served, worker: InstantWorker, slack: Slack) -> str:  # noqa: ARG001 - at work meanwhile
    """The id of a release that asks in Slack, to a stage that nobody approves."""
    release = ask_in_dev(service, worker)
    wait_until(lambda: slack.messages, what="Slack shows it")
    return release


def buttons_of(message: Json) -> list[str]:
    elements = [element for block in message["blocks"] for element in block.get("elements", [])]
    return [element.get("action_id", element.get("url")) for element in elements]


def messages_with(slack: Slack, text: str) -> list[Json]:
    return [each for each in slack.messages.values() if text in json.dumps(each, ensure_ascii=False)]


def test_question_says_what_is_known_and_its_answer_closes_it(
    service: Served, slack: Slack, asked: str, worker: InstantWorker, caller: httpx.Client
) -> None:
    page = f"http://127.0.0.1:8400/releases/{asked}"
    assert buttons_of(slack.the_message()) == [ADVANCE, EXTEND, ABORT, f"{page}/answer"]
    for told in (
        f"{asked} for dev needs an answer",
        "up to 6.33% more cannot be excluded. Go on?",
        "dev, 5% of the traffic: inconclusive. 3 of 120 requests (2.50%) failed; of what serves 9 of 2,250 requests (0.40%).",
        "dev, golden requests: passed. 381 of 400 right, accuracy 95.2% (interval 93.1 to 96.9), 1.2 points better than what serves, "
        "p95 19.0 ms, 4.8% faster than what serves.",
    ):
        assert told in slack.text_of(), told

    assert send(caller, slack.press(ADVANCE, user=OLGA)).status_code == 200

    wait_until(lambda: "olga answered: go on." in slack.text_of(), what="the message says who answered")
    assert buttons_of(slack.the_message()) == [page]
    worker.complete(asked, "dev")
    (answer,) = (each for each in _events(service, asked) if each["kind"] == "step.advance_requested")
    assert (answer["actor"], answer["via"]) == ("olga", "chat")
    assert slack.calls.count("chat.postMessage") == 1


def test_going_back_asks_for_a_reason_and_is_told_with_the_hold(
    service: Served, slack: Slack, asked: str, worker: InstantWorker, caller: httpx.Client
) -> None:
    assert send(caller, slack.press(ABORT, user=OLGA)).status_code == 200
    assert status_of(service, asked) == "in_progress"
    assert send(caller, slack.submit("Callers complain.", user=OLGA)).status_code == 200

    worker.carry_out(asked, "dev")

    assert status_of(service, asked) == "rolled_back"
    wait_until(lambda: messages_with(slack, "was taken back"), what="it is told by a message of its own")
    (told,) = messages_with(slack, "was taken back")
    shown = json.dumps(told, ensure_ascii=False)
    (hold,) = as_json(service.client("olga").get("/v1/freezes"))["items"]
    for words in ("Aborted by olga: Callers complain.", f"mlrelease freeze delete {hold['id']}", "3 of 120 requests"):
        assert words in shown, words
    wait_until(
        lambda: messages_with(slack, "olga answered: go back (Callers complain.)."), what="the question is closed"
    )
    assert ABORT not in json.dumps(list(slack.messages.values()))


@pytest.mark.parametrize(
    ("user", "why"),
    [("U0ANNA", "needs the role operator"), ("U0NOBODY", "is not in access.yml")],
)
def test_who_may_not_operate_cannot_answer(
    service: Served, slack: Slack, asked: str, caller: httpx.Client, user: str, why: str
) -> None:
    for action in (ADVANCE, ABORT):
        assert send(caller, slack.press(action, user=user)).status_code == 200

    wait_until(lambda: len(slack.ephemeral) == 2, what="who pressed is answered")
    assert all(why in said["text"] and said["user"] == user for said in slack.ephemeral), slack.ephemeral
    assert slack.views == []
    assert not [each for each in _events(service, asked) if each["kind"].endswith("_requested")]


def test_question_that_was_answered_elsewhere_is_closed_and_its_buttons_answer_no_later_one(
    service: Served, slack: Slack, asked: str, worker: InstantWorker, caller: httpx.Client
) -> None:
    late, same = (slack.press(action, user=OLGA) for action in (ADVANCE, ADVANCE))
    assert service.client("olga").post(f"/v1/releases/{asked}/extend", json={"reason": ""}).is_success
    wait_until(lambda: "olga answered: wait longer." in slack.text_of(), what="the message is closed")
    assert send(caller, late).status_code == 200
    wait_until(lambda: len(slack.ephemeral) == 1, what="who pressed is answered")
    worker.carry_out(asked, "dev")  # the next bake
    worker.carry_out(asked, "dev")  # and what it asks
    wait_until(lambda: len(messages_with(slack, "needs an answer")) == 1, what="it asks anew")

    assert send(caller, same).status_code == 200

    wait_until(lambda: len(slack.ephemeral) == 2, what="who pressed is answered")
    assert all("is not open any more" in said["text"] for said in slack.ephemeral)
    assert [each["kind"] for each in _events(service, asked) if "_requested" in each["kind"]] == [
        "step.extend_requested"
    ]
    assert len(slack.messages) == 2


def test_question_is_one_message_however_often_it_is_looked_at(
    service: Served, slack: Slack, worker: InstantWorker
) -> None:
    """A notifier that is killed looks at the same events once more; what was answered meanwhile is not asked any more."""
    release = ask_in_dev(service, worker)
    database = service.service.database
    with database.read() as session:
        (question,) = (each for each in list_events(session, release_id=release) if is_question(each))
    announce = announce_in_slack({"*": "C0PROD"})
    for _ in range(2):
        database.transact(lambda session: announce(session, question))
    with database.read() as session:
        (delivery,) = list_deliveries(session)
    assert delivery.message_id == f"slack:C0PROD:{release}:dev:{question.seq}"

    assert service.client("olga").post(f"/v1/releases/{release}/advance", json={"reason": ""}).is_success
    with notifying(service):
        wait_until(lambda: "before it could be posted" in _said(service), what="the notifier has looked at it")
    assert slack.messages == {}


def test_failure_is_a_message_of_its_own_and_says_what_became_of_it(
    notifier: object,  # noqa: ARG001 - at work meanwhile
    service: Served,
    slack: Slack,
    worker: InstantWorker,
) -> None:
    zoe = service.client("zoe")
    assert apply(zoe, definition()).status_code == 201
    unplanned, failed = (ask(zoe, stages=["dev"])["id"] for _ in range(2))
    worker.prepare_in_vain(unplanned)
    worker.prepare(failed)
    worker.fail(failed, "dev")
    wait_until(lambda: len(slack.messages) == 2, what="both are told")

    assert "The job has no output 'model'." in json.dumps(messages_with(slack, f"{unplanned} failed"))
    assert "create_endpoint: Not this one." in json.dumps(messages_with(slack, f"{failed} for dev failed"))

    assert service.client("olga").post(f"/v1/releases/{failed}/retry", json={}).is_success
    worker.complete(failed, "dev")
    wait_until(lambda: messages_with(slack, f"{failed} for dev was released"), what="it says what became of it")
    assert len(slack.messages) == 2


def _events(service: Served, release: str) -> list[Json]:
    items: list[Json] = as_json(service.client("zoe").get(f"/v1/releases/{release}/events"))["items"]
    return items


def _said(service: Served) -> str:
    with service.service.database.read() as session:
        return " ".join(each.sentence for each in list_deliveries(session))
