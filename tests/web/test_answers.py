"""Answering by the portal what an analysis could not decide."""

import html

import httpx
import pytest

from tests.api.playing import apply, as_json, ask
from tests.asking import QUESTION, ask_people, with_canary
from tests.instant import InstantWorker
from tests.web.conftest import Open
from tests.web.forms import answers, hidden


@pytest.fixture
def asking(anna: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """A release whose share of dev's traffic was watched in vain."""
    assert apply(anna, with_canary()).status_code == 201
    ask_people(worker)
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
    assert QUESTION in html.unescape(shown.text)
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


def test_page_that_was_opened_before_somebody_else_answered_answers_nothing(
    portal: Open, anna: httpx.Client, asking: str, worker: InstantWorker
) -> None:
    browser, place = portal("anna"), f"/releases/{asking}/answer"
    fields = hidden(browser.get(place), place)
    assert anna.post(f"/v1/releases/{asking}/extend", json={"reason": "one more"}).status_code == 200
    worker.carry_out(asking, "dev")

    refused = browser.post(place, data={**fields, "answer": "advance", "reason": "as typed"})

    assert (refused.status_code, state(anna, asking)) == (409, "in_progress")
    assert "is not open any more" in refused.text
    assert "as typed" in refused.text


def test_what_was_measured_is_shown_where_people_decide(
    portal: Open, anna: httpx.Client, asking: str, worker: InstantWorker
) -> None:
    """Of an analysis, of golden requests with their flips; on the release, to who answers, and to who approves the next stage."""
    browser = portal("anna")
    analysed = ["3 of the canary&#39;s 120 requests failed (2.50%)", ">2,250<", ">0.40%<"]
    replayed = ["95.25% (93.06 to 96.92)", "+1.25 points", "19.0 ms", "-1 points are tolerated", ">won<", ">lost<"]

    answered, shown = browser.get(f"/releases/{asking}/answer").text, browser.get(f"/releases/{asking}").text
    assert as_json(anna.post(f"/v1/releases/{asking}/advance", json={"reason": "I looked."}))
    worker.complete(asking, "dev")
    reviewed = browser.get(f"/releases/{asking}/rollouts/prod").text

    for page, told in ((answered, analysed), (shown, [*analysed, *replayed]), (reviewed, [*analysed, *replayed])):
        assert [each for each in told if each not in page] == []
    assert "&lt;b&gt;neutral" in reviewed, "what a model answers is text"


def test_asking_releases_are_listed_until_somebody_answers(
    anna: httpx.Client, asking: str, worker: InstantWorker
) -> None:
    def listed() -> list[str]:
        return [each["id"] for each in as_json(anna.get("/v1/releases", params={"asking": True}))["items"]]

    assert listed() == [asking]
    as_json(anna.post(f"/v1/releases/{asking}/advance", json={"reason": ""}))
    worker.complete(asking, "dev")
    assert listed() == []
    assert as_json(anna.get("/v1/releases"))["items"][0]["id"] == asking


def test_golden_requests_that_ask_can_be_stopped_before_any_traffic_moves(
    portal: Open, anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    assert apply(anna, with_canary()).status_code == 201
    ask_people(worker, "verify_deployment")
    release = ask(anna, model=churn)["id"]
    worker.prepare(release)
    worker.carry_out(release, "dev")
    browser, place = portal("anna"), f"/releases/{release}/answer"

    sent = browser.post(
        place, data={**hidden(browser.get(place), place), "answer": "abort", "reason": "Too few labels."}
    )

    assert sent.status_code == 303, sent.text
    worker.carry_out(release, "dev")
    assert state(anna, release) == "cancelled"
    assert "Aborted by anna: Too few labels." in as_json(anna.get(f"/v1/releases/{release}"))["sentence"]
    assert "shift_traffic" not in worker.hands.seen
