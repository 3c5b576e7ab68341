"""Requests that Slack did not send, sent twice, or sent for somebody who may not decide."""

# ruff: noqa: F811 - fixtures are asked for by their names

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import pytest

from app.chat.blocks import APPROVE, REJECT
from tests.api.serving import Served, problem_of
from tests.chat.conftest import ask_for_release, caller, notifier, service, settings, slack, status_of, worker  # noqa: F401 - fixtures
from tests.chat.slack import SECRET, Slack, send, signed
from tests.waiting import wait_until


@pytest.fixture
def waiting(notifier: object, slack: Slack, ask_for_release: Callable[..., str]) -> str:  # noqa: ARG001 - at work meanwhile
    release = ask_for_release()
    wait_until(lambda: slack.messages, what="Slack shows it")
    return release


@pytest.fixture
def unmoved(service: Served, waiting: str) -> Callable[[], None]:
    """Asserts that nothing was decided."""
    return lambda: pytest.fail("it was decided") if status_of(service, waiting) != "pending_approval" else None


def test_request_that_is_sent_again_is_refused(
    service: Served, slack: Slack, waiting: str, caller: httpx.Client
) -> None:
    body, headers = signed(slack.press(APPROVE))
    assert caller.post("/chat/slack/interactions", content=body, headers=headers).status_code == 200

    again = caller.post("/chat/slack/interactions", content=body, headers=headers)

    problem_of(again, 409, "replayed")
    assert status_of(service, waiting) == "queued"


def test_request_that_was_refused_cannot_be_sent_again_either(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None]
) -> None:
    body, headers = signed(slack.press(APPROVE, user="U0CARL"))
    caller.post("/chat/slack/interactions", content=body, headers=headers)

    problem_of(caller.post("/chat/slack/interactions", content=body, headers=headers), 409, "replayed")
    unmoved()


@pytest.mark.both_databases
@pytest.mark.usefixtures("waiting")
def test_one_request_sent_many_times_at_once_counts_once(slack: Slack, caller: httpx.Client) -> None:
    body, headers = signed(slack.press(APPROVE))
    with ThreadPoolExecutor(20) as crowd:
        posts = [
            crowd.submit(caller.post, "/chat/slack/interactions", content=body, headers=headers) for _ in range(20)
        ]
    assert sorted(post.result().status_code for post in posts) == [200] + [409] * 19


@pytest.mark.parametrize("seconds", [-330, -86400, 330])
def test_request_of_another_time_is_refused(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None], seconds: int
) -> None:
    refused = send(caller, slack.press(APPROVE), at=time.time() + seconds)
    problem_of(refused, 401, "signature_invalid")
    unmoved()


def test_request_signed_with_another_secret_is_refused(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None]
) -> None:
    problem_of(send(caller, slack.press(APPROVE), secret="0" * 32), 401, "signature_invalid")
    unmoved()


def test_request_that_was_changed_on_its_way_is_refused(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None]
) -> None:
    body, headers = signed(slack.press(APPROVE, user="U0CARL"))
    changed = body.replace(b"U0CARL", b"U0ANNA")
    assert changed != body
    refused = caller.post("/chat/slack/interactions", content=changed, headers=headers)
    problem_of(refused, 401, "signature_invalid")
    unmoved()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Slack-Signature", ""),
        ("X-Slack-Signature", "v0="),
        ("X-Slack-Signature", "v1=" + "0" * 64),
        ("X-Slack-Request-Timestamp", ""),
        ("X-Slack-Request-Timestamp", "soon"),
        ("X-Slack-Request-Timestamp", "1e9"),
        ("X-Slack-Request-Timestamp", "9" * 400),
        ("X-Slack-Request-Timestamp", "-1"),
    ],
)
def test_malformed_proof_is_refused(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None], name: str, value: str
) -> None:
    body, headers = signed(slack.press(APPROVE))
    refused = caller.post("/chat/slack/interactions", content=body, headers={**headers, name: value})
    problem_of(refused, 401, "signature_invalid")
    unmoved()


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_slack_user_whom_nobody_knows_decides_nothing_and_is_told_so(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None], action: str
) -> None:
    assert send(caller, slack.press(action, user="U0MALLORY")).status_code == 200

    wait_until(lambda: slack.ephemeral, what="who pressed is answered")
    assert "is not in access.yml" in slack.ephemeral[0]["text"]
    assert slack.views == []
    unmoved()


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_approver_of_another_model_decides_nothing(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None], action: str
) -> None:
    send(caller, slack.press(action, user="U0CARL"))

    wait_until(lambda: slack.ephemeral, what="who pressed is answered")
    assert "carl may not approve churn" in slack.ephemeral[0]["text"]
    unmoved()


def test_form_sent_off_by_somebody_else_is_theirs(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None]
) -> None:
    send(caller, slack.press(REJECT))

    answer = send(caller, slack.submit("So.", user="U0CARL"))

    assert "carl may not approve churn" in answer.json()["errors"]["reason"]
    unmoved()


def test_button_of_another_plan_decides_nothing(
    slack: Slack, waiting: str, caller: httpx.Client, unmoved: Callable[[], None]
) -> None:
    stale = json.dumps({"release": waiting, "stage": "prod", "plan": "sha256:what-was-shown-before"})

    send(caller, slack.press(APPROVE, value=stale))

    wait_until(lambda: slack.ephemeral, what="who pressed is answered")
    assert "not the plan that you saw" in slack.ephemeral[0]["text"]
    unmoved()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{}",
        "[]",
        "null",
        "not json",
        "{" * 5000,
        '{"release": 1, "stage": "prod", "plan": "x"}',
        '{"release":"a\\u0000-1","stage":"p","plan":"x"}',
    ],
)
def test_button_that_is_not_ours_does_nothing(
    slack: Slack, caller: httpx.Client, unmoved: Callable[[], None], value: str
) -> None:
    assert send(caller, slack.press(APPROVE, value=value)).status_code == 200
    unmoved()


@pytest.mark.parametrize(
    "content", [b"", b"payload=", b"payload=null", b"payload=%5B%5D", b"\xff\xfe", b"payload=" + b"%5B" * 20000]
)
def test_request_that_slack_signed_but_never_sends_is_refused_in_words(caller: httpx.Client, content: bytes) -> None:
    _, headers = signed({})
    timestamp = headers["X-Slack-Request-Timestamp"]
    digest = hmac.new(SECRET.encode(), b":".join((b"v0", timestamp.encode(), content)), hashlib.sha256).hexdigest()
    headers["X-Slack-Signature"] = f"v0={digest}"
    answer = caller.post("/chat/slack/interactions", content=content, headers=headers)
    assert answer.status_code in {401, 422}, answer.text


def test_payload_in_a_url_is_no_payload(slack: Slack, caller: httpx.Client, unmoved: Callable[[], None]) -> None:
    query = urlencode({"payload": json.dumps(slack.press(APPROVE))})
    assert caller.post(f"/chat/slack/interactions?{query}").status_code == 401
    assert caller.get(f"/chat/slack/interactions?{query}").status_code == 405
    unmoved()
