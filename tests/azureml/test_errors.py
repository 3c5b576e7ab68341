"""What Azure says no with, as the service understands it."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.azureml.client import AzureSettings
from app.azureml.deployments import WantedDeployment, read_deployment_file
from app.azureml.endpoints import get_endpoint, read_endpoint_file
from app.azureml.errors import (
    AzureMLError,
    BadRequest,
    ConnectionLost,
    CredentialsMissing,
    ImageBuildFailed,
    ModelFailed,
    NotFound,
    NotPermitted,
    OperationEnded,
    QuotaExceeded,
    Throttled,
    TimedOut,
    Unavailable,
)
from app.azureml.facade import AzureML, open_azure
from app.azureml.models import list_models
from app.azureml.scoring import Scoring
from app.azureml.translation import operation_failed
from tests.azureml.fixtures import DEV, settings_for
from tests.azureml.running import RunningEmulator


@pytest.mark.parametrize(
    ("status", "code", "kind", "retryable"),
    [
        (401, "InvalidAuthenticationToken", CredentialsMissing, False),
        (403, "AuthorizationFailed", NotPermitted, False),
        (400, "UserError", BadRequest, False),
        (408, "RequestTimeout", TimedOut, True),
        (429, "TooManyRequests", Throttled, True),
        (500, "InternalServerError", Unavailable, True),
        (503, "ServiceUnavailable", Unavailable, True),
    ],
)
def test_status_becomes_an_error_of_ours(
    azure: AzureML, emulator: RunningEmulator, status: int, code: str, kind: type[AzureMLError], retryable: bool
) -> None:
    emulator.break_request("models/churn/versions", status=status, code=code, message="As told.", times=5)

    with pytest.raises(kind, match=r"Could not list .*As told\.") as raised:
        list_models(azure, DEV, "churn")

    assert raised.value.azure_code == code
    assert raised.value.retryable is retryable


@pytest.mark.parametrize(("asked", "waited"), [(1, 1), (10**9, 600), (-5, None)])
def test_retry_after_is_handed_on_within_reason(
    azure: AzureML, emulator: RunningEmulator, asked: float, waited: float | None
) -> None:
    emulator.break_request("models/churn/versions", status=429, code="TooManyRequests", retry_after=asked, times=1)

    with pytest.raises(Throttled) as raised:
        list_models(azure, DEV, "churn")

    assert raised.value.retry_after == waited


def test_one_hiccup_is_told_and_not_waited_for_where_nobody_sees(azure: AzureML, emulator: RunningEmulator) -> None:
    emulator.break_request("models/churn/versions", status=503, times=1)

    with pytest.raises(Unavailable) as raised:
        list_models(azure, DEV, "churn")

    assert raised.value.retryable is True
    assert list_models(azure, DEV, "churn") == []


def test_broken_connection_is_worth_another_try(azure: AzureML, emulator: RunningEmulator) -> None:
    emulator.break_request("onlineEndpoints/nothing", cut="before", times=5)

    with pytest.raises(ConnectionLost) as raised:
        get_endpoint(azure, DEV, "nothing")

    assert raised.value.retryable is True


def test_slow_answer_times_out(emulator: RunningEmulator) -> None:
    emulator.break_request("onlineEndpoints/nothing", delay=3, times=5)
    azure = open_azure(replace(settings_for(emulator), read_seconds=0.5, retries=0))

    with pytest.raises((TimedOut, ConnectionLost)):
        get_endpoint(azure, DEV, "nothing")


def test_missing_credentials_are_one_short_sentence(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name)
    azure = open_azure(settings_for(emulator))

    with pytest.raises(CredentialsMissing) as raised:
        list_models(azure, DEV, "churn")

    assert len(raised.value.sentence) < 150
    assert "az login" in (raised.value.hint or "")


def test_wrong_secret_is_not_printed(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong-and-private")
    azure = open_azure(settings_for(emulator))

    with pytest.raises(CredentialsMissing) as raised:
        list_models(azure, DEV, "churn")

    assert "wrong-and-private" not in str(raised.value)


def test_cloud_that_does_not_answer_is_a_lost_connection(
    emulator: RunningEmulator,
) -> None:
    nowhere = replace(settings_for(emulator), cloud_metadata_url="https://127.0.0.1:9/metadata/endpoints")

    with pytest.raises(ConnectionLost, match="metadata"):
        list_models(open_azure(nowhere), DEV, "churn")


@pytest.mark.parametrize(
    ("code", "message", "kind", "retryable"),
    [
        ("ImageBuildFailure", "pip said no", ImageBuildFailed, False),
        ("OutOfQuota", "VmSize quota", QuotaExceeded, False),
        ("OutOfCapacity", "no capacity in the region", QuotaExceeded, True),
        ("ResourceNotReady", "readiness probe failed", ModelFailed, False),
        ("ResourceNotFound", "model is gone", NotFound, False),
        ("BadArgument", "no", BadRequest, False),
        ("OperationCanceled", "somebody else", OperationEnded, True),
        ("InternalServerError", "oops", OperationEnded, True),
        ("SecretsInjectionError", "no", OperationEnded, False),
    ],
)
def test_failed_operation_is_classified(code: str, message: str, kind: type[AzureMLError], retryable: bool) -> None:
    failed = operation_failed(code, message, doing="create it")

    assert type(failed) is kind
    assert failed.retryable is retryable
    assert failed.azure_code == code
    assert message in failed.sentence


def test_record_of_an_operation_is_read_from_the_resource_manager_only(azure: AzureML) -> None:
    with pytest.raises(OperationEnded, match="gave no reason"):
        azure.raise_failure("https://elsewhere.example/steal-a-token", doing="create it")


def test_yaml_that_azure_does_not_know_is_a_bad_request(tmp_path: Path) -> None:
    (tmp_path / "endpoint.yml").write_text("auth_mode: secret-handshake\n")
    (tmp_path / "deployment.yml").write_text("instances: many\n")
    wanted = WantedDeployment(
        endpoint="ep", name="r-1", file=tmp_path / "deployment.yml", folder=tmp_path, model="m", environment="e",
        instance_type=None, instance_count=None, tags={},
    )  # fmt: skip

    with pytest.raises(BadRequest, match="auth_mode") as endpoint:
        read_endpoint_file(tmp_path / "endpoint.yml", "ep-name")
    with pytest.raises(BadRequest, match="instances") as deployment:
        read_deployment_file(wanted)
    for refused in (endpoint.value, deployment.value):
        assert not [word for word in ("IntelliSense", "https://", "--debug") if word in refused.sentence]


def test_scoring_without_a_listener_is_a_lost_connection() -> None:
    azure = open_azure(AzureSettings())

    with (
        Scoring(azure, "https://127.0.0.1:9/score", secret=lambda: "private") as scoring,
        pytest.raises(ConnectionLost) as raised,
    ):
        scoring.ask({})

    assert "private" not in str(raised.value)
