"""What serves and served at each endpoint, as the API and the command line tell it: since when, and by whose word."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.planning.observed import EndpointFacts, Observed
from app.serving.service import At, record_observed
from tests.api.playing import as_json
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage
from tests.serving.observing import BLUE
from tests.serving.saying import TARGET, Say, say
from tests.web.conftest import Open, plain_logs, portal, service, settings

__all__ = ["plain_logs", "platform", "portal", "say", "service", "settings"]

Json = dict[str, Any]
ENDPOINT = EndpointFacts(name="churn-prod", location="westeurope", auth_mode="key", scoring_uri="https://churn/score")


@pytest.fixture
def released(platform: Platform) -> Platform:
    """Others' blue served; then churn-1, which anna asked for and boris approved; then churn-2, which nobody need approve."""
    with UnitOfWork(platform.worker.database, SERVICE).transaction() as work:
        observed = Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,), endpoint=ENDPOINT)
        record_observed(work, At(TARGET, model="churn", stage="prod"), observed)
    platform.apply(stage(approval="{count: 1}"))
    platform.released()
    platform.apply(stage(name="other", endpoint="churn-other", key_vault="kv-other"))
    platform.released(stage="other")
    return platform


def history(platform: Platform, **query: Any) -> list[Json]:
    items: list[Json] = as_json(platform.anna.get(f"/v1/targets/{TARGET}/history", params=query))["items"]
    return items


def test_targets_are_listed_with_what_serves_there(released: Platform) -> None:
    found = as_json(released.anna.get("/v1/targets"))["items"]
    prod = as_json(released.anna.get("/v1/targets", params={"model": "churn", "stage": "prod"}))["items"]

    assert [(each["stage"], each["endpoint"]) for each in found] == [("other", "churn-other"), ("prod", "churn-prod")]
    assert prod == found[1:]
    assert (prod[0]["id"], prod[0]["workspace"], prod[0]["resource_group"]) == (TARGET, "ws-prod", "rg-ml")
    assert [(each["release"], each["weight"]) for each in prod[0]["serving"]] == [("churn-1", 100)]
    assert as_json(released.anna.get("/v1/targets", params={"model": "fraud"}))["items"] == []


def test_targets_and_history_come_in_pages(released: Platform) -> None:
    for path, whole in (("/v1/targets", 2), (f"/v1/targets/{TARGET}/history", 2)):
        seen, cursor = [], None
        while True:
            page = as_json(released.anna.get(path, params={"limit": 1, **({"cursor": cursor} if cursor else {})}))
            seen += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(seen) == whole
        assert seen == as_json(released.anna.get(path))["items"]


def test_target_tells_who_asked_and_who_approved(released: Platform) -> None:
    asked = released.look("churn-1")
    found = as_json(released.anna.get(f"/v1/targets/{TARGET.upper()}"))
    (serving,) = found["serving"]

    begun = serving["begun"]
    assert (begun["release"], begun["requested_by"]) == ("churn-1", "anna")
    assert begun["requested_at"] == asked["created_at"]
    ((actor, at),) = [(each["actor"], each["at"]) for each in begun["approvals"]]
    assert actor == "boris"
    assert asked["created_at"] < at < begun["at"] == serving["since"]
    assert (serving["until"], serving["ended"]) == (None, None)
    assert [(each["name"], each["release"]) for each in found["deployments"]] == [
        ("blue", None),
        (serving["deployment"], "churn-1"),
    ]
    assert found["azure"]["scoring_uri"] == "https://churn/score"


def test_history_tells_each_share_from_when_to_when_with_its_events(released: Platform) -> None:
    ours, others = history(released)

    assert (others["release"], others["deployment"], others["model_version"]) == (None, "blue", "azureml:churn:1")
    assert others["begun"]["release"] is None
    assert others["ended"] == ours["begun"]
    assert others["until"] == ours["since"]
    events = as_json(released.anna.get("/v1/releases/churn-1/events"))["items"]
    (moved,) = [each for each in events if each["kind"] == "traffic.changed"]
    assert (moved["seq"], moved["at"]) == (ours["begun"]["event"], ours["begun"]["at"])


def test_history_answers_for_any_moment(released: Platform) -> None:
    ours, others = history(released)
    before = datetime.fromisoformat(others["since"]) - timedelta(microseconds=1)

    assert history(released, at=before.isoformat()) == []
    assert history(released, at=others["since"]) == [others]
    assert history(released, at=others["until"]) == [ours]
    assert released.anna.get(f"/v1/targets/{TARGET}/history", params={"at": "2026-01-01T00:00:00"}).status_code == 422
    both = {"at": ours["since"], "cursor": "MQ=="}
    assert released.anna.get(f"/v1/targets/{TARGET}/history", params=both).status_code == 422


def test_target_has_an_etag_that_changes_with_what_serves(released: Platform) -> None:
    path = f"/v1/targets/{TARGET}"
    etag = released.anna.get(path).headers["ETag"]
    unchanged = released.anna.get(path, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    released.apply(stage(approval="{count: 1}"))
    released.released()
    assert released.anna.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_unknown_target_is_not_found(released: Platform) -> None:
    for path in ("/v1/targets/a/b/c/d", "/v1/targets/a/b/c/d/history"):
        answer = released.anna.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "target_not_found")


@pytest.mark.usefixtures("released")
def test_pages_tell_what_serves_where_and_by_whose_word(portal: Open) -> None:
    boris = portal("boris")
    listed = boris.get("/targets").text
    shown = boris.get(f"/targets/{TARGET}").text

    assert f'<a href="/targets/{TARGET}">churn' in listed
    assert "churn-other" in listed
    for word in ("churn-1", "anna", "boris", "100%"):
        assert word in listed
        assert word in shown
    assert "made by others" in shown
    assert "https://churn/score" in shown
    assert boris.get("/targets/a/b/c/d").status_code == 404


@pytest.mark.usefixtures("released")
def test_command_line_tells_what_served_at_any_time(say: Say, released: Platform) -> None:
    ours, others = history(released)
    now = say("served", "churn", "prod")
    then = say("served", "--at", datetime.fromisoformat(others["since"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"))
    document = json.loads(say("served", "churn", "--json"))

    assert "churn-1" in now
    assert "boris" in now
    assert "churn-other" not in now
    assert "Nothing served then" in then or "made by others" in then
    assert [each["stage"] for each in document["items"]] == ["other", "prod"]
    assert document["items"][1]["serving"] == [ours]
    assert "Nothing serves" in say("served", "fraud")
