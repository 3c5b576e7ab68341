"""Making the release's deployment beside what serves now."""

from typing import Any

import pytest

from app.azureml.deployments import get_deployment, list_deployments
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import AzureMLError, ImageBuildFailed, ModelFailed, QuotaExceeded
from app.azureml.types import Deployment
from app.steps.contract import Interrupted, Refused
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint

Json = dict[str, Any]


@pytest.fixture
def endpoint(team: Team) -> str:
    team.carry_out("create_endpoint", creating_endpoint(team))
    return team.endpoint


def test_deployment_is_made_without_traffic(team: Team, content: Json, registered: Json, endpoint: str) -> None:
    done = team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert done.changed is True
    assert done.output["digest"] == content["model_digest"]
    assert done.output["instance_type"] == "Standard_E2s_v3"
    assert done.output["instance_count"] == 1
    made = _look(team, "rel-1")
    assert made.state == "succeeded"
    assert made.tags["mlrelease.release"] == f"{team.name}-1"
    there = get_endpoint(team.azure, DEV, endpoint)
    assert there is not None
    assert there.traffic == {"rel-1": 0}
    assert registered["id"].lower() == str(done.output["model"]).lower()

    again = team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert again.changed is False
    assert again.output == done.output


def test_deployment_that_is_being_made_is_attached_to(
    team: Team, content: Json, registered: Json, endpoint: str, emulator: RunningEmulator
) -> None:
    emulator.delay(deployment=2.0)
    team.on_wait.append(lambda: setattr(team, "stop_after", 0))
    with pytest.raises(Interrupted):
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    team.on_wait.clear()
    team.stop_after = None
    half_made = _look(team, "rel-1")

    done = team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert half_made.state == "creating"
    assert done.output["deployment"] == "rel-1"
    assert len(list_deployments(team.azure, DEV, endpoint)) == 1
    assert registered["version"] == "1"


def test_deployment_of_ours_that_failed_is_replaced(
    team: Team, content: Json, registered: Json, endpoint: str, emulator: RunningEmulator
) -> None:
    emulator.break_operation("deployment", code="InternalServerError", message="It broke.")
    with pytest.raises(AzureMLError, match="It broke") as failed:
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    left = _look(team, "rel-1")

    done = team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert failed.value.retryable is True
    assert left.state == "failed"
    assert done.changed is True
    assert _look(team, "rel-1").state == "succeeded"
    assert (registered["version"], endpoint) == ("1", team.endpoint)


@pytest.mark.parametrize(("code", "kind"), [("ImageBuildFailure", ImageBuildFailed), ("OutOfQuota", QuotaExceeded)])
def test_failure_says_what_failed_and_is_not_tried_again(
    team: Team,
    content: Json,
    registered: Json,
    endpoint: str,
    emulator: RunningEmulator,
    code: str,
    kind: type[AzureMLError],
) -> None:
    emulator.break_operation("deployment", code=code, message="As the test said.")

    with pytest.raises(kind, match="As the test said") as failed:
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert failed.value.retryable is False
    assert failed.value.hint
    assert (registered["version"], endpoint) == ("1", team.endpoint)


def test_log_of_score_code_that_breaks_is_beside_the_sentence_and_not_in_it(
    team: Team, content: Json, registered: Json, endpoint: str
) -> None:
    (team.bundle / "src" / "score.py").write_text(
        "def init():\n    raise RuntimeError('no such weights')\ndef run(raw):\n    return 1\n"
    )

    with pytest.raises(ModelFailed) as failed:
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert "no such weights" not in str(failed.value)
    assert failed.value.log is not None
    assert "no such weights" in failed.value.log.text
    assert (registered["version"], endpoint) == ("1", team.endpoint)


def test_more_cores_than_the_quota_are_refused_by_azure(
    team: Team, content: Json, registered: Json, endpoint: str
) -> None:
    too_much = {"instance_type": "Standard_E64s_v3", "instance_count": 40}

    with pytest.raises(QuotaExceeded) as refused:
        team.carry_out("create_deployment", {**creating_deployment(team, content, "rel-1"), **too_much})

    assert "20%" in (refused.value.hint or "")
    assert list_deployments(team.azure, DEV, endpoint) == []
    assert registered["version"] == "1"


def test_busy_endpoint_is_waited_for(
    team: Team, content: Json, registered: Json, endpoint: str, emulator: RunningEmulator
) -> None:
    from app.azureml.endpoints import begin_add_tags

    emulator.delay(endpoint_update=1.5)
    begin_add_tags(team.azure, DEV, endpoint, {"touched": "by hand"})

    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert any("being changed" in report for report in team.reports)
    assert registered["version"] == "1"


def test_deployment_of_another_release_is_refused(team: Team, content: Json, registered: Json, endpoint: str) -> None:
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1", release=1))

    with pytest.raises(Refused) as refused:
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1", release=2))

    assert refused.value.code == "not_ours"
    assert (registered["version"], endpoint) == ("1", team.endpoint)


def test_deployment_that_differs_is_refused_with_the_difference(
    team: Team, content: Json, registered: Json, endpoint: str
) -> None:
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    with pytest.raises(Refused, match="instance_count is 1, expected 2") as refused:
        team.carry_out("create_deployment", {**creating_deployment(team, content, "rel-1"), "instance_count": 2})

    assert refused.value.code == "deployment_differs"
    assert (registered["version"], endpoint) == ("1", team.endpoint)


def test_endpoint_that_is_not_there_is_an_error(team: Team, content: Json, registered: Json) -> None:
    with pytest.raises(AzureMLError, match=team.endpoint):
        team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    assert registered["version"] == "1"


def _look(team: Team, name: str) -> Deployment:
    found = get_deployment(team.azure, DEV, team.endpoint, name)
    assert found is not None
    return found


@pytest.mark.usefixtures("registered")
def test_variables_are_deployed_as_they_are_written(team: Team, content: Json, endpoint: str) -> None:
    file = team.bundle / "deployment.yml"
    file.write_text(
        file.read_text() + "environment_variables:\n  FLAG: on\n  AT: 12:30\n  COUNTRY: NO\n  DAY: 2020-01-01\n"
    )

    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))

    with team.azure.connect(DEV, doing="look at the deployment") as client:
        made = client.online_deployments.get("rel-1", endpoint)
    assert made.environment_variables == {"FLAG": "on", "AT": "12:30", "COUNTRY": "NO", "DAY": "2020-01-01"}


@pytest.mark.usefixtures("registered")
def test_a_stage_s_settings_are_laid_over_the_file(team: Team, content: Json, endpoint: str) -> None:
    file = team.bundle / "deployment.yml"
    file.write_text(file.read_text() + "environment_variables:\n  FLAG: on\n  LEVEL: low\n  KEPT: yes\n")

    team.carry_out("create_deployment", {**creating_deployment(team, content, "rel-1"), "settings_of": "prod"})

    with team.azure.connect(DEV, doing="look at the deployment") as client:
        made = client.online_deployments.get("rel-1", endpoint)
    assert made.environment_variables == {"LEVEL": "high", "KEPT": "yes"}
    assert made.request_settings.request_timeout_ms == 7000


@pytest.mark.usefixtures("registered")
def test_code_may_lie_beside_the_definition(team: Team, content: Json, endpoint: str) -> None:
    inside = team.bundle / "models" / "churn"
    inside.mkdir(parents=True)
    (inside / "deployment.yml").write_text((team.bundle / "deployment.yml").read_text().replace("./src", "../../src"))
    (team.bundle / "deployment.yml").unlink()
    config = {**creating_deployment(team, content, "rel-1"), "file": "models/churn/deployment.yml"}

    assert team.carry_out("create_deployment", config).changed is True
    assert _look(team, "rel-1").scoring_script == "score.py"
    assert endpoint == team.endpoint
