"""Key Vault through the unmodified SecretClient."""

import uuid
from collections.abc import Callable

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from tests.emulator.running import RunningEmulator

Client = Callable[[str], SecretClient]


@pytest.fixture
def secrets(azure: RunningEmulator, credential: DefaultAzureCredential) -> Client:
    template = azure.environment["KEY_VAULT_URL_TEMPLATE"]
    return lambda vault: SecretClient(template.format(vault=vault), credential)


@pytest.fixture
def name() -> str:
    return f"secret-{uuid.uuid4().hex[:8]}"


def test_a_secret_has_versions(secrets: Client, name: str) -> None:
    client = secrets("kv-dev")
    first = client.set_secret(name, "one", tags={"a": "b"}, content_type="text/plain")
    client.set_secret(name, "two")
    assert client.get_secret(name).value == "two"
    old = client.get_secret(name, first.properties.version)
    assert (old.value, old.name, old.properties.tags, old.properties.content_type) == (
        "one",
        name,
        {"a": "b"},
        "text/plain",
    )
    assert len(list(client.list_properties_of_secret_versions(name))) == 2
    assert name in {each.name for each in client.list_properties_of_secrets()}


def test_a_secret_of_another_vault_is_not_found(secrets: Client, name: str) -> None:
    secrets("kv-dev").set_secret(name, "one")
    with pytest.raises(ResourceNotFoundError, match="was not found in this key vault"):
        secrets("kv-prod").get_secret(name)


def test_a_vault_that_is_not_there_is_not_found(secrets: Client) -> None:
    with pytest.raises(ResourceNotFoundError, match="does not exist"):
        secrets("kv-nowhere").get_secret("any")


def test_a_deleted_secret_can_be_recovered_and_purged(secrets: Client, name: str) -> None:
    client = secrets("kv-dev")
    client.set_secret(name, "one")
    client.begin_delete_secret(name).wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(name)
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        client.set_secret(name, "two")
    client.begin_recover_deleted_secret(name).wait()
    assert client.get_secret(name).value == "one"
    client.begin_delete_secret(name).wait()
    client.purge_deleted_secret(name)
    assert client.set_secret(name, "three").value == "three"


def test_a_disabled_secret_is_not_given(secrets: Client, name: str) -> None:
    client = secrets("kv-dev")
    client.set_secret(name, "one")
    client.update_secret_properties(name, enabled=False)
    with pytest.raises(HttpResponseError, match="disabled"):
        client.get_secret(name)


def test_who_may_read_may_not_write(azure: RunningEmulator, secrets: Client, name: str) -> None:
    secrets("kv-dev").set_secret(name, "one")
    reader = azure.new_principal("reader", {"role": "Key Vault Secrets User"})
    credential = ClientSecretCredential(azure.environment["AZURE_TENANT_ID"], reader["client_id"], reader["secret"])
    client = SecretClient(azure.environment["KEY_VAULT_URL_TEMPLATE"].format(vault="kv-dev"), credential)
    assert client.get_secret(name).value == "one"
    with pytest.raises(HttpResponseError, match="not authorized"):
        client.set_secret(name, "two")


@pytest.mark.parametrize("wrong", ["under_score", "a" * 128])
def test_a_name_that_is_none_is_refused(secrets: Client, wrong: str) -> None:
    with pytest.raises(HttpResponseError, match="invalid name"):
        secrets("kv-dev").set_secret(wrong, "one")


def test_a_value_over_25_kilobytes_is_refused(secrets: Client, name: str) -> None:
    with pytest.raises(HttpResponseError, match="25 KB"):
        secrets("kv-dev").set_secret(name, "x" * 25_601)


def test_secrets_are_not_in_the_request_log(azure: RunningEmulator, secrets: Client, name: str) -> None:
    secrets("kv-dev").set_secret(name, "nobody-reads-this")
    assert "nobody-reads-this" not in (azure.data / "requests.jsonl").read_text()
