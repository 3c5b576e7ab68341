"""The provenance of what went back names the release that it comes from, and what that was made of."""

from typing import Any

from tests.api.conftest import on_sqlite
from tests.api.playing import as_json
from tests.attestations.signing import payload_of
from tests.rollbacks.going_back import Going

Json = dict[str, Any]

pytestmark = on_sqlite  # over PostgreSQL nobody makes a key by themselves: tests/api/test_provenance.py has one


def dependencies_of(going: Going, release: str) -> dict[str, str]:
    statement = payload_of(as_json(going.platform.anna.get(f"/v1/releases/{release}/provenance")))
    resolved = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {each["name"]: each.get("uri") for each in resolved}


def test_deployment_that_serves_again_has_its_release_and_its_job(going: Going) -> None:
    first, _ = going.release(), going.release()

    back = going.went_back()

    found = dependencies_of(going, back["id"])
    assert found["content of release"] == f"urn:mlrelease:release:{first}"
    assert found["training job"] == "azureml://jobs/job-of-churn"
    assert "content of release" not in dependencies_of(going, first)


def test_deployment_that_is_made_anew_has_them_too(going: Going) -> None:
    first, _ = going.release(), going.release()
    going.there.clear()

    back = going.went_back()

    found = dependencies_of(going, back["id"])
    assert found["content of release"] == f"urn:mlrelease:release:{first}"
    assert found["training job"].endswith("/workspaces/ws-prod/jobs/job-of-churn"), found
