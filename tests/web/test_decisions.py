"""Deciding by the portal's forms: the same rules as everywhere, said in words."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.approvals.links import Answer, make_link
from app.notifications.keys import signing_keys
from tests.api.playing import as_json, digest_of
from tests.api.serving import Served
from tests.web.conftest import AskForRelease, Open
from tests.web.forms import answers, hidden


def place_of(release: str, stage: str = "prod") -> str:
    return f"/releases/{release}/rollouts/{stage}"


def decide(browser: httpx.Client, release: str, answer: str, *, place: str = "", **fields: str) -> httpx.Response:
    """As a person does: open the page, fill its form in, send it."""
    place = place or place_of(release)
    form = hidden(browser.get(place), urlsplit(place).path)
    return browser.post(urlsplit(place).path, data={**form, "answer": answer, **fields})


def link_to(service: Served, release: str, answer: Answer, *, digest: str) -> str:
    keys, now = signing_keys(service.service.settings), datetime.now(UTC)
    url = make_link(
        keys, portal="http://portal", release_id=release, stage="prod", plan_digest=digest, answer=answer, now=now
    )
    return url.removeprefix("http://portal")


def prod_of(client: httpx.Client, release: str) -> dict[str, Any]:
    prod: dict[str, Any] = as_json(client.get(f"/v1/releases/{release}"))["rollouts"][1]
    return prod


def test_approval_with_a_comment_queues_the_rollout(portal: Open, anna: httpx.Client, waiting: str) -> None:
    boris = portal("boris")

    sent = decide(boris, waiting, "approve", reason="  Numbers are good. ")

    assert (sent.status_code, sent.headers["Location"]) == (303, place_of(waiting))
    prod = prod_of(anna, waiting)
    assert prod["status"] == "queued"
    (word,) = prod["decisions"]
    assert (word["actor"], word["via"], word["reason"]) == ("boris", "portal", "Numbers are good.")
    shown = boris.get(place_of(waiting))
    assert "Numbers are good." in shown.text
    assert answers(shown, place_of(waiting)) == set()


def test_rejection_ends_the_release(portal: Open, anna: httpx.Client, waiting: str) -> None:
    assert decide(portal("boris"), waiting, "reject", reason="Too slow.").status_code == 303

    assert prod_of(anna, waiting)["status"] == "approval_rejected"


def test_rejection_without_a_comment_is_asked_again(portal: Open, anna: httpx.Client, waiting: str) -> None:
    refused = decide(portal("boris"), waiting, "reject")

    assert refused.status_code == 422
    assert "A rejection needs a reason." in refused.text
    assert answers(refused, place_of(waiting)) == {"approve", "reject"}
    assert prod_of(anna, waiting)["status"] == "pending_approval"


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_form_of_another_site_decides_nothing(
    portal: Open, anna: httpx.Client, waiting: str, token: str | None
) -> None:
    boris = portal("boris")
    form = hidden(boris.get(place_of(waiting)), place_of(waiting)) | {"answer": "approve"}
    form = {name: value for name, value in form.items() if name != "csrf_token"}

    refused = boris.post(place_of(waiting), data=form if token is None else {**form, "csrf_token": token})

    assert refused.status_code == 403
    assert "Reload the page" in refused.text
    assert prod_of(anna, waiting)["decisions"] == []


def test_form_of_another_session_decides_nothing(portal: Open, anna: httpx.Client, waiting: str) -> None:
    boris, mallory = portal("boris"), portal("mallory")
    form = hidden(mallory.get(place_of(waiting)), place_of(waiting))

    assert boris.post(place_of(waiting), data={**form, "answer": "approve"}).status_code == 403
    assert prod_of(anna, waiting)["decisions"] == []


def test_answer_to_a_plan_that_changed_shows_what_changed_and_the_new_plan(
    portal: Open, anna: httpx.Client, waiting: str, serve_another: Callable[[], str]
) -> None:
    boris = portal("boris")
    stale = hidden(boris.get(place_of(waiting)), place_of(waiting))
    serve_another()

    refused = boris.post(place_of(waiting), data={**stale, "answer": "approve", "reason": "Typed already."})

    assert refused.status_code == 409
    assert "Changed since you opened the page" in refused.text
    assert "replaces" in refused.text
    assert "Typed already." in refused.text
    fresh = hidden(refused, place_of(waiting))
    assert fresh["plan_digest"] == digest_of(anna, waiting) != stale["plan_digest"]
    assert boris.post(place_of(waiting), data={**fresh, "answer": "approve"}).status_code == 303
    assert prod_of(anna, waiting)["status"] == "queued"


def test_who_asked_sees_why_they_cannot_decide(portal: Open, ask_for_release: AskForRelease) -> None:
    release = ask_for_release(approval={"count": 1})
    hers, boris = portal("anna"), portal("boris")
    shown = hers.get(place_of(release))
    assert "anna requested this release, so others must decide on it." in shown.text
    assert answers(shown, place_of(release)) == set()

    form = hidden(boris.get(place_of(release)), place_of(release))
    form["csrf_token"] = hidden(hers.get("/"), "/logout")["csrf_token"]
    forced = hers.post(place_of(release), data={**form, "answer": "approve"})

    assert forced.status_code == 403
    assert "others must decide" in forced.text


def test_first_of_two_words_is_kept_and_what_is_missing_said(
    portal: Open, anna: httpx.Client, ask_for_release: AskForRelease
) -> None:
    release = ask_for_release(approval={"count": 2, "groups": ["risk"]})
    boris, rita = portal("boris"), portal("rita", groups="risk")

    decide(boris, release, "approve")
    shown = boris.get(place_of(release)).text
    assert "boris has already decided on this rollout." in shown
    assert "1 more approval, from group risk" in shown
    decide(rita, release, "approve")

    assert prod_of(anna, release)["status"] == "queued"


def test_two_people_break_the_glass(portal: Open, anna: httpx.Client, ask_for_release: AskForRelease) -> None:
    release = ask_for_release(approval={"count": 3, "break_glass": {"count": 2}})

    for name in ("boris", "rita"):
        sent = decide(portal(name), release, "approve", emergency="yes", reason="Prod is down.")
        assert sent.status_code == 303, sent.text

    prod = prod_of(anna, release)
    assert (prod["status"], prod["emergency"]) == ("queued", True)
    assert "used break-glass" in portal("boris").get(place_of(release)).text


def test_link_from_a_chat_shows_the_question_and_decides_once(
    portal: Open, service: Served, anna: httpx.Client, waiting: str
) -> None:
    link = link_to(service, waiting, "approve", digest=digest_of(anna, waiting))
    boris = portal("boris")
    for _ in range(3):
        assert answers(boris.get(link), "/decide") == {"approve"}
    assert prod_of(anna, waiting)["decisions"] == []
    form = hidden(boris.get(link), "/decide")

    sent = decide(boris, waiting, "approve", place=link)

    assert (sent.status_code, sent.headers["Location"]) == (303, place_of(waiting))
    assert prod_of(anna, waiting)["status"] == "queued"
    again = boris.post("/decide", data={**form, "answer": "approve"})
    assert again.status_code == 409
    assert "This link has already been used for a decision." in again.text
    assert boris.get(link).status_code == 409


def test_link_whose_answer_is_refused_is_not_spent(
    portal: Open, service: Served, anna: httpx.Client, ask_for_release: AskForRelease
) -> None:
    release = ask_for_release(approval={"count": 1, "comment": "required"})
    link, boris = link_to(service, release, "approve", digest=digest_of(anna, release)), portal("boris")

    assert decide(boris, release, "approve", place=link).status_code == 422
    assert decide(boris, release, "reject", place=link, reason="No.").status_code == 422
    assert decide(boris, release, "approve", place=link, reason="Yes.").status_code == 303


def test_link_to_a_plan_that_changed_says_what_changed(
    portal: Open, service: Served, anna: httpx.Client, waiting: str, serve_another: Callable[[], str]
) -> None:
    link = link_to(service, waiting, "approve", digest=digest_of(anna, waiting))
    serve_another()

    shown = portal("boris").get(link)

    assert "Changed since you opened the page" in shown.text
    assert hidden(shown, "/decide")["plan_digest"] == digest_of(anna, waiting)


def test_link_without_its_session_token_decides_nothing(
    portal: Open, service: Served, anna: httpx.Client, waiting: str
) -> None:
    link, boris = link_to(service, waiting, "reject", digest=digest_of(anna, waiting)), portal("boris")
    form = hidden(boris.get(link), "/decide") | {"answer": "reject", "reason": "No."}
    form.pop("csrf_token")

    assert boris.post("/decide", data=form).status_code == 403
    assert prod_of(anna, waiting)["decisions"] == []


def test_form_of_a_session_that_ended_decides_nothing_and_says_so(
    portal: Open, anna: httpx.Client, waiting: str
) -> None:
    boris = portal("boris")
    form = hidden(boris.get(place_of(waiting)), place_of(waiting))
    boris.cookies.clear()

    refused = boris.post(place_of(waiting), data={**form, "answer": "approve"})

    assert refused.status_code == 401
    assert 'href="/login"' in refused.text
    assert prod_of(anna, waiting)["decisions"] == []
