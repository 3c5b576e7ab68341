"""The portal's pages over real HTTP: what they show to whom, and how they are protected."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.api.playing import ask
from tests.api.serving import Served
from tests.instant import InstantWorker
from tests.web.conftest import AskForRelease, Open

EVIL = """<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7*7 }}"""


def places(release: str) -> list[str]:
    return ["/", f"/releases/{release}", f"/releases/{release}/live", f"/releases/{release}/rollouts/prod"]


def test_first_page_says_what_waits_for_me_and_what_for_others(portal: Open, ask_for_release: AskForRelease) -> None:
    release = ask_for_release(approval={"count": 1}, note="Better than last week's.")

    hers, his = portal("anna").get("/").text, portal("boris").get("/").text

    assert "Review" not in hers
    assert "anna requested this release, so others must decide on it." in hers
    assert his.index("Waiting for you") < his.index(f"/releases/{release}/rollouts/prod") < his.index("Review")
    assert "1 more approval" in his
    assert "Better than last week&#39;s." in his


def test_release_shows_stages_steps_and_timeline(portal: Open, waiting: str) -> None:
    shown = portal("boris").get(f"/releases/{waiting}").text

    for word in ("create deployment", "pending approval", "succeeded", "release created", "rollout pending approval"):
        assert word in shown, word


def test_release_shows_how_callers_reach_a_stage(
    portal: Open, anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    planned = ask(anna, model=churn)["id"]
    worker.prepare(planned)
    made = {"endpoint": "churn-dev", "auth_mode": "key", "scoring_uri": "https://x/score?a=<b>", "openapi_uri": None}
    worker.complete(planned, "dev", outputs={"create_endpoint": made})

    shown = portal("boris").get(f"/releases/{planned}").text

    assert "https://x/score?a=&lt;b&gt;" in shown


def test_live_part_is_sent_when_it_changed(portal: Open, ask_for_release: AskForRelease, worker: InstantWorker) -> None:
    waiting = ask_for_release(approval={"expires_after": "2h"})
    boris, place = portal("boris"), f"/releases/{waiting}/live"
    first = boris.get(place)

    assert boris.get(place, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    worker.look(waiting, "prod", now=datetime.now(UTC) + timedelta(hours=3))
    then = boris.get(place, headers={"If-None-Match": first.headers["ETag"]})

    assert then.status_code == 200
    assert then.headers["ETag"] != first.headers["ETag"]
    assert "expired" in then.text
    assert "<html" not in then.text


def test_difference_marks_what_changes(portal: Open, ask_for_release: AskForRelease, worker: InstantWorker) -> None:
    deployment = {"instance_type": "Standard_DS3_v2", "instance_count": 1}
    first = ask_for_release(content={"deployment": deployment}, approval="none")
    worker.complete(first, "prod")
    second = ask_for_release(
        job="job-2", content={"deployment": {**deployment, "instance_count": 3}}, approval="required"
    )

    shown = portal("boris").get(f"/releases/{second}/rollouts/prod").text

    rows = {row.split("</th>")[0].split('scope="row">')[1].split(" ")[0]: row for row in shown.split("<tr ")[1:]}
    assert 'class="changed"' in rows["deployment.instance_count"]
    assert 'class="same"' in rows["deployment.instance_type"]
    assert f"/releases/{first}" in shown


@pytest.mark.parametrize("who", ["note", "requester", "reason", "group"])
def test_what_people_wrote_is_text(portal: Open, ask_for_release: AskForRelease, anna: httpx.Client, who: str) -> None:
    if who == "requester":
        anna.headers["Mlrelease-Actor"] = EVIL
    policy = {"count": 2, "self_approval": True, "groups": [EVIL] if who == "group" else []}
    release = ask_for_release(approval=policy, note=EVIL if who == "note" else None)
    if who == "reason":
        digest = anna.get(f"/v1/releases/{release}/rollouts/prod/plan").json()["digest"]
        said = {"plan_digest": digest, "reason": EVIL}
        assert anna.post(f"/v1/releases/{release}/rollouts/prod/approve", json=said).status_code == 200

    boris = portal("boris")
    shown = [boris.get(place).text for place in places(release)]

    assert any("&lt;script&gt;alert(1)" in each for each in shown)
    for each in shown:
        assert "<script>" not in each
        assert "<img src=x" not in each
        assert "{{ 7*7 }}" in each or "7*7" not in each


def test_every_page_lets_the_browser_do_nothing_but_show_it(portal: Open, waiting: str) -> None:
    boris = portal("boris")
    pages = [boris.get(place) for place in (*places(waiting), "/login", "/logged-out", "/releases/none-1")]
    for answer in pages:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert " style=" not in answer.text
        assert "<style" not in answer.text
        assert not re.search(r"\son[a-z]+\s*=", answer.text), "no handler in a tag"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("portal.css", "text/css"),
        ("live.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
        ("docs.js", "text/javascript"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
    ],
)
def test_files_come_from_the_service_itself(portal: Open, name: str, kind: str) -> None:
    answer = portal().get(f"/assets/{name}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_description_of_the_api_runs_no_script_of_another_host(portal: Open) -> None:
    docs = portal().get("/docs")

    assert re.findall(r"""(?:src|href)="([^"]*)""", docs.text)
    assert all(place.startswith("/") for place in re.findall(r"""(?:src|href)="([^"]*)""", docs.text))
    policy = dict(each.split(" ", 1) for each in docs.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert portal().get("/redoc").status_code == 404


def test_whoever_is_not_logged_in_is_sent_to_do_so_and_back(portal: Open, service: Served, waiting: str) -> None:
    nobody = portal()
    for place in (*places(waiting), "/decide?token=a.b"):
        sent = nobody.get(place)
        assert sent.status_code == 303
        form = nobody.get(sent.headers["Location"])
        assert f'name="go_to" value="{place}"' in form.text
    back = nobody.post(
        "/login", data={"token": service.development_token, "name": "boris", "go_to": f"/releases/{waiting}"}
    )
    assert back.headers["Location"] == f"/releases/{waiting}"
    assert nobody.get(back.headers["Location"]).status_code == 200


def test_refusals_are_pages_for_people_and_problems_for_programs(portal: Open, waiting: str) -> None:
    boris = portal("boris")
    for place, status in (
        ("/releases/churn-99", 404),
        (f"/releases/{waiting}/rollouts/qa", 404),
        ("/decide?token=forged", 422),
        ("/decide", 422),
    ):
        shown = boris.get(place)
        assert shown.status_code == status, shown.text
        assert shown.headers["Content-Type"].startswith("text/html")
        assert "<h1>" in shown.text
        assert boris.get(place, headers={"Accept": "*/*"}).headers["Content-Type"] == "application/problem+json"


def test_logging_out_ends_on_a_page_that_logs_nobody_in(portal: Open) -> None:
    boris = portal("boris")
    token = boris.get("/").text.split('name="csrf_token" value="')[1].split('"')[0]

    left = boris.post("/logout", data={"csrf_token": token}, follow_redirects=True)

    assert "You are logged out" in left.text
    assert boris.get("/").status_code == 303
