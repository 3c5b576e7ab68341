"""The containers as the service expects them: commands, settings, ports, health paths, secrets, and that nothing ends a rollout."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from typer.main import get_command

from app.api import health
from app.cli.main import app as command_line
from app.process.environment import SECRETS
from app.settings import Settings
from tests.infra.bicep import Resource
from tests.infra.deployed import IMAGE, service

HOST = "psql-mlrelease.postgres.database.azure.com"


def test_commands_are_the_services_own() -> None:
    known = getattr(get_command(command_line), "commands", {})
    for container in _containers().values():
        program, command = container["command"]
        assert program == "mlrelease"
        assert command in known
        assert container["image"] == IMAGE


@pytest.mark.parametrize("name", ["mlrelease-migrate", "mlrelease-worker", "mlrelease-api"])
def test_every_variable_is_a_setting_and_has_a_value_that_it_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = _variables(name)
    of_service = {f"MLRELEASE_{field}".upper() for field in Settings.model_fields} | {"MLRELEASE_SECRETS_DIR"}
    assert {each for each in variables if each not in of_service} == {"AZURE_CLIENT_ID"}

    for each, value in variables.items():
        monkeypatch.setenv(each, value)
    settings = Settings(_env_file=None)

    assert settings.database_login == "entra"
    assert f"@{HOST}:5432/mlrelease" in settings.database


def test_a_process_logs_in_as_its_own_identity() -> None:
    for name, who in (("migrate", "migrate"), ("worker", "worker"), ("api", "api")):
        app, identity = _app(f"mlrelease-{name}"), f"id-mlrelease-{who}"
        (assigned,) = app.body["identity"]["userAssignedIdentities"]
        assert assigned.endswith(f"/{identity}")
        assert _raw(f"mlrelease-{name}")["AZURE_CLIENT_ID"] == f"{assigned}.properties.clientId"
        assert _raw(f"mlrelease-{name}")["MLRELEASE_DATABASE_URL"].startswith(f"postgresql+psycopg://{identity}@")
        configuration = app.body["properties"]["configuration"]
        assert {each["identity"] for each in configuration["registries"]} == {assigned}
        assert {each["identity"] for each in configuration.get("secrets", []) if "identity" in each} <= {assigned}


def test_the_api_is_probed_where_it_answers() -> None:
    port = int(_variables("mlrelease-api")["MLRELEASE_PORT"])
    paths = {getattr(route, "path", "") for route in health.router.routes}
    probes = _containers()["mlrelease-api"]["probes"]

    assert _app("mlrelease-api").body["properties"]["configuration"]["ingress"]["targetPort"] == port
    assert {each["type"]: each["httpGet"]["path"] for each in probes} == {"Startup": "/health/live", "Liveness": "/health/live", "Readiness": "/health/ready"}  # fmt: skip
    for each in probes:
        assert each["httpGet"]["path"] in paths
        assert each["httpGet"]["port"] == port
        assert each["failureThreshold"] <= 10  # Azure's own limit


def test_who_waits_for_a_release_does_not_bring_up_replicas() -> None:
    scale = _app("mlrelease-api").body["properties"]["template"]["scale"]

    assert scale["minReplicas"] >= 2
    assert int(scale["rules"][0]["http"]["metadata"]["concurrentRequests"]) >= 1000


def test_workers_are_never_scaled_to_nothing_and_called_by_nobody() -> None:
    worker = _app("mlrelease-worker").body["properties"]

    assert worker["template"]["scale"]["minReplicas"] == worker["template"]["scale"]["maxReplicas"] >= 1
    assert "ingress" not in worker["configuration"]


def test_a_stopping_worker_has_the_time_that_it_was_promised() -> None:
    given = _app("mlrelease-worker").body["properties"]["template"]["terminationGracePeriodSeconds"]

    assert float(_variables("mlrelease-worker")["MLRELEASE_STOP_SECONDS"]) < given <= 600


def test_the_migration_runs_once_and_only_when_started() -> None:
    configuration = _app("mlrelease-migrate").body["properties"]["configuration"]

    assert configuration["triggerType"] == "Manual"
    assert configuration["manualTriggerConfig"] == {"parallelism": 1, "replicaCompletionCount": 1}


def test_files_are_where_the_settings_look_for_them() -> None:
    for name in ("mlrelease-api", "mlrelease-worker"):
        variables, properties = _variables(name), _app(name).body["properties"]
        (mounted,) = [each for each in properties["template"]["volumes"] if each["storageType"] == "Secret"]
        folder = {each["volumeName"]: each["mountPath"] for each in _containers()[name]["volumeMounts"]}[
            mounted["name"]
        ]
        paths = {f"{folder}/{each['path']}" for each in mounted["secrets"]}
        named = {each for each in variables.values() if each.startswith(f"{folder}/")}
        assert named <= paths
        assert variables["MLRELEASE_SECRETS_DIR"] == folder
        for each in paths - named:
            assert PurePosixPath(each).name in SECRETS
        defined = {each["name"] for each in properties["configuration"]["secrets"]}
        assert {each["secretRef"] for each in mounted["secrets"]} == defined


def test_secrets_come_from_the_vault_by_identity() -> None:
    for name in ("mlrelease-api", "mlrelease-worker"):
        for each in _app(name).body["properties"]["configuration"]["secrets"]:
            if each["name"] in ("access", "guardrails"):
                assert set(each) == {"name", "value"}  # files without a secret in them
            else:
                assert set(each) == {"name", "keyVaultUrl", "identity"}


def _app(name: str) -> Resource:
    (found,) = [each for each in service().resources if each.name == name and not each.existing]
    return found


def _containers() -> dict[str, dict[str, Any]]:
    return {
        each.name: each.body["properties"]["template"]["containers"][0]
        for each in service().resources
        if each.type in ("Microsoft.App/containerApps", "Microsoft.App/jobs") and not each.existing
    }


def _raw(name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in _containers()[name]["env"]}


def _variables(name: str) -> dict[str, str]:
    """As they would be: what only a deployment knows is filled in."""
    host = next(each for each in _raw(name).values() if each.startswith("postgresql"))
    told = host.partition("@")[2].partition(":5432")[0]
    domain = next(
        (each.partition("mlrelease-api.")[2] for each in _raw(name).values() if each.startswith("https://")), ""
    )
    return {
        each: value.replace(told, HOST).replace(domain or "\0", "example.azurecontainerapps.io")
        for each, value in _raw(name).items()
    }
