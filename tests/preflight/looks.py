"""One look at one stage before a release, also by a worker with few rights."""

import dataclasses
from typing import Any

from azure.identity import ClientSecretCredential

from app.azureml.facade import AzureML
from tests.azureml.fixtures import PROD
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Json, Team, place


def looking(team: Team, **stage: Any) -> Json:
    """At one stage in prod."""
    said = {
        "name": "prod",
        "workspace": place(PROD),
        "endpoint": team.endpoint,
        "registry": "reg-shared",
        "key_vault": "kv-prod",
        **stage,
    }
    return {
        "model": team.name,
        "origin": place(),
        "endpoint": "endpoint.yml",
        "deployment": "deployment.yml",
        "stages": [said],
    }


def look(team: Team, **stage: Any) -> dict[str, Json]:
    """Each check by its name."""
    checks = team.preflight(looking(team, **stage))
    return {each["check"]: each for each in checks}


def as_principal(team: Team, emulator: RunningEmulator, *assignments: dict[str, Any]) -> Team:
    """The team, carried out by a worker with these rights and no others."""
    made = emulator.new_principal("few-rights", list(assignments))
    credential = ClientSecretCredential(
        emulator.environment["AZURE_TENANT_ID"],
        made["client_id"],
        made["secret"],
        authority=emulator.environment["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
    )
    return dataclasses.replace(team, azure=AzureML(team.azure.settings, credential))
