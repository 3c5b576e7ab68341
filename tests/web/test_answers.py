"""Answering by the portal what an analysis could not decide."""

from datetime import timedelta

import httpx
import pytest

from app.steps.contract import Context, Done, Outcome, Waiting
from tests.api.playing import apply, as_json, ask, definition
from tests.definitions.conftest import RELEASE
from tests.instant import InstantWorker
from tests.web.conftest import Open
from tests.web.forms import answers, hidden

_CANARY = """
    traffic:
      strategy: canary
      steps: [{weight: 5, bake: 30m}]
"""


@pytest.fixture
def asking(anna: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """A release whose share of dev's traffic was watched in vain."""
    endpoint = "    endpoint: churn-dev\n"
    assert endpoint in RELEASE
    written = RELEASE.replace(endpoint, endpoint.rstrip("\n") + _CANARY)
    assert apply(anna, definition(release_yml=written)).status_code == 201

    def analyse(context: Context) -> Outcome:
        if context.answer is not None and context.answer.answer == "advance":
            return Done(f"{context.answer.by} goes on.")
        evidence = {"findings": [{"metric": "errors", "verdict": "no_data", "sentence": "The canary had no requests."}]}
        until = worker.context.now() + timedelta(hours=1)
        return Waiting(until, "The canary had no requests. Go on?", {"evidence": evidence}, asks="no_data")

    worker.hands.acts["analyse"] = analyse
    release: str = ask(anna, model=churn)["id"]
    worker.prepare(release)
    worker.carry_out(release, "dev")
    return release


def state(client: httpx.Client, release: str) -> str:
    return str(as_json(client.get(f"/v1/releases/{release}"))["rollouts"][0]["status"])


def test_question_is_shown_where_people_look(portal: Open, asking: str) -> None:
    anna = portal("anna")
    place = f"/releases/{asking}/answer"

    for page in ("/", f"/releases/{asking}"):
        assert place in anna.get(page).text
    shown = anna.get(place)
    assert "The canary had no requests. Go on?" in shown.text
    assert answers(shown, place) == {"advance", "extend", "abort"}


@pytest.mark.parametrize(
    ("answer", "becomes"), [("advance", "succeeded"), ("extend", "in_progress"), ("abort", "rolled_back")]
)
def test_answer_is_carried_out(
    portal: Open, anna: httpx.Client, asking: str, worker: InstantWorker, answer: str, becomes: str
) -> None:
    browser, place = portal("anna"), f"/releases/{asking}/answer"

    sent = browser.post(place, data={**hidden(browser.get(place), place), "answer": answer, "reason": "I looked."})

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/releases/{asking}")
    worker.carry_out(asking, "dev")
    assert state(anna, asking) == becomes


def test_what_cannot_be_answered_says_so(portal: Open, asking: str) -> None:
    browser, place = portal("anna"), f"/releases/{asking}/answer"
    fields = hidden(browser.get(place), place)

    refused = browser.post(place, data={**fields, "answer": "maybe", "reason": "as typed"})

    assert refused.status_code == 422
    assert "The form is incomplete." in refused.text
    assert "as typed" in refused.text
