"""What a release's content may come from: asked for, shown, and refused."""

from typing import Any

import httpx
import pytest

from app.chat.summary import read_summary
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, approve, as_json, ask, definition, digest_of
from tests.api.serving import Served, problem_of
from tests.definitions.conftest import RELEASE
from tests.instant import InstantWorker

pytestmark = on_sqlite

VERSION = "azureml:churn:3"
OF_REGISTRY = "azureml://registries/reg-shared/models/churn/versions/3"
BOTH = pytest.mark.parametrize("path", ["/v1/releases", "/v1/dry-runs"])


def post(client: httpx.Client, path: str = "/v1/releases", **asked: Any) -> httpx.Response:
    return client.post(path, json={"model": "churn", **asked})


@pytest.mark.parametrize(("uri", "registry"), [(VERSION, None), (OF_REGISTRY, "reg-shared")])
def test_registered_model_is_released(
    anna: httpx.Client, churn: str, worker: InstantWorker, service: Served, uri: str, registry: str | None
) -> None:
    asked = as_json(post(anna, model_version=uri, stages=["dev"]))
    worker.prepare(asked["id"])
    worker.complete(asked["id"], "dev")

    release = as_json(anna.get(f"/v1/releases/{asked['id']}"))
    assert (release["status"], release["job"]) == ("succeeded", None)
    assert release["source"] == {"kind": "model", "uri": uri}
    assert release["content"]["registered"]["registry"] == registry
    assert release["rollouts"][0]["steps"][0]["key"] == "find_model"
    assert as_json(anna.get("/v1/jobs"))["items"] == []
    (created,) = (e for e in as_json(anna.get("/v1/events"))["items"] if e["kind"] == "release.created")
    assert created["data"]["source"] == release["source"]
    with service.service.database.read() as session:
        summary = read_summary(session, f"{churn}-1:dev")
    assert summary is not None
    assert ("Registered model", uri) in summary.facts


def test_content_of_an_earlier_release_is_released_under_its_definition(
    anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    first = ask(anna, stages=["dev"])["id"]
    worker.prepare(first)
    worker.complete(first, "dev")
    apply(anna, definition(score_py="other = 1\n"))

    again = as_json(post(anna, from_release=first, stages=["dev"]))
    newer = as_json(post(anna, from_release=first, stages=["dev"], definition_version=2))

    assert (again["definition_version"], newer["definition_version"]) == (1, 2)
    worker.prepare(again["id"])
    content = as_json(anna.get(f"/v1/releases/{again['id']}"))["content"]
    assert content["source"] == {"kind": "release", "release": first}
    assert content["model_digest"] == as_json(anna.get(f"/v1/releases/{first}"))["content"]["model_digest"]
    assert churn


def test_difference_shows_where_the_content_comes_from(anna: httpx.Client, churn: str, worker: InstantWorker) -> None:
    for asked in ({"job": "job-1"}, {"model_version": VERSION}):
        release = as_json(post(anna, **asked, stages=["prod"]))["id"]
        worker.prepare(release)
        difference = as_json(anna.get(f"/v1/releases/{release}/rollouts/prod/plan"))["difference"]
        approve(anna, release, plan_digest=digest_of(anna, release))
        worker.complete(release, "prod")

    changed = {each["field"]: (each["before"], each["after"]) for each in difference}
    assert changed["model.source.kind"] == ("job", "model")
    assert changed["model.source.uri"] == (None, VERSION)
    assert churn


@BOTH
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"job": "job-1", "model_version": VERSION},
        {"job": "job-1", "from_release": "churn-1"},
        {"model_version": "azureml:churn@latest"},
        {"model_version": "churn"},
    ],
)
def test_exactly_one_source_is_to_be_given(anna: httpx.Client, churn: str, path: str, asked: dict[str, Any]) -> None:
    assert churn
    problem_of(post(anna, path, **asked), 422, "malformed")


@BOTH
@pytest.mark.usefixtures("churn")
def test_release_without_content_has_nothing_to_release(anna: httpx.Client, path: str) -> None:
    asked = ask(anna)["id"]

    problem = problem_of(post(anna, path, from_release=asked), 409, "release_without_content")

    assert "pending" in problem["detail"]
    problem_of(post(anna, path, from_release="churn-77"), 404, "release_not_found")


@pytest.mark.usefixtures("churn")
def test_definition_that_takes_content_from_elsewhere_does_not_get_an_earlier_releases(
    anna: httpx.Client, worker: InstantWorker
) -> None:
    first = ask(anna)["id"]
    worker.prepare(first)
    apply(anna, definition(release_yml=RELEASE.replace("workspace: ws-dev", "workspace: ws-new")))

    problem_of(post(anna, from_release=first, definition_version=2), 409, "content_in_another_workspace")
