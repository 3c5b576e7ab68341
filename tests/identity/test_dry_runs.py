"""Who may ask what a release would do, and who sees the answer."""

import httpx

from tests.api.conftest import on_sqlite
from tests.identity.conftest import As

pytestmark = on_sqlite


def post_dry_run(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/dry-runs", json={"model": "churn", "job": "job-1"})


def test_whoever_may_only_look_cannot_start_one(churn: str, holder: As) -> None:
    answer = post_dry_run(holder(f"viewer:{churn}", name="vera"))

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_dry_run_is_seen_by_viewers_of_its_model_and_is_absent_for_others(churn: str, holder: As) -> None:
    asked = post_dry_run(holder(f"requester:{churn}", name="rita")).json()["id"]
    viewer, other = holder(f"viewer:{churn}", name="vera"), holder("admin:fraud", name="otto")

    assert viewer.get(f"/v1/dry-runs/{asked}").status_code == 200
    hidden, absent = other.get(f"/v1/dry-runs/{asked}"), other.get("/v1/dry-runs/dry-run-0")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.json()["detail"].replace(asked, "dry-run-0") == absent.json()["detail"]
    assert hidden.json()["code"] == absent.json()["code"] == "dry_run_not_found"
