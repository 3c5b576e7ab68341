"""What is read of a deployment and an endpoint: all that somebody else may change."""

from pathlib import Path
from typing import Any

from app.azureml.deployments import get_deployment
from app.azureml.names import parse_asset
from tests.azureml.fixtures import DEV
from tests.steps.by_hand import look_at
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint

Json = dict[str, Any]


def test_settings_code_and_identity_are_read_with_the_defaults_that_azure_fills_in(
    team: Team, content: Json, registered: Json
) -> None:
    assert registered["version"] == "1"
    file = Path(team.bundle, "deployment.yml")
    file.write_text(f"{file.read_text()}environment_variables:\n  LEVEL: high\nliveness_probe:\n  period: 7\n")
    team.carry_out("create_endpoint", creating_endpoint(team))
    team.carry_out("create_deployment", creating_deployment(team, content, "blue"))

    blue = get_deployment(team.azure, DEV, team.endpoint, "blue")
    endpoint = look_at(team)

    assert blue is not None
    assert parse_asset(blue.code or "") is not None, blue.code
    assert blue.environment_variables == {"LEVEL": "high"}
    assert "high" not in repr(blue)
    assert blue.settings["liveness_probe.period"] == "7"
    assert blue.settings["request_settings.request_timeout_ms"] == "5000"
    assert blue.settings["egress_public_network_access"].lower() == "enabled"
    assert endpoint.identity == "system_assigned"
