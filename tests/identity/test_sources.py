"""Whose content may be released: a registered model with another model's name, and another model's releases, are that team's."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import on_sqlite
from tests.api.playing import apply, ask, definition
from tests.api.serving import problem_of
from tests.identity.conftest import As
from tests.instant import InstantWorker

pytestmark = on_sqlite

BOTH = pytest.mark.parametrize("path", ["/v1/releases", "/v1/dry-runs"])


def post(client: httpx.Client, path: str, **asked: Any) -> httpx.Response:
    return client.post(path, json={"model": "churn", **asked})


@BOTH
def test_content_of_another_models_release_is_refused(
    root: httpx.Client, holder: As, worker: InstantWorker, churn: str, path: str
) -> None:
    apply(root, definition("secret"))
    other = ask(root, model="secret", job="job-of-secret")["id"]
    worker.prepare(other)

    problem_of(post(root, path, from_release=other), 409, "content_of_another_model")
    hidden = post(holder(f"admin:{churn}"), path, from_release=other)
    absent = post(holder(f"admin:{churn}"), path, from_release="secret-77")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "release_not_found")
    assert hidden.json()["detail"].replace(other, "secret-77") == absent.json()["detail"]


@BOTH
@pytest.mark.parametrize("uri", ["azureml:secret:1", "azureml://registries/reg-shared/models/Secret/versions/1"])
def test_registered_model_of_another_team_takes_the_right_to_both(
    root: httpx.Client, holder: As, churn: str, path: str, uri: str
) -> None:
    apply(root, definition("secret"))

    hidden = post(holder(f"requester:{churn}"), path, model_version=uri)
    seen = post(holder("viewer", f"requester:{churn}"), path, model_version=uri)

    problem_of(hidden, 409, "model_of_another_team")
    problem_of(seen, 403, "not_allowed")
    assert post(holder(f"requester:{churn}", "requester:secret"), path, model_version=uri).is_success
    assert post(holder(f"requester:{churn}"), path, model_version="azureml:base-model:1").is_success
