"""Secrets in a Key Vault. No value ever leaves this module but to the vault."""

from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from app.azureml.client import open_transport, retry_options
from app.azureml.facade import AzureML
from app.azureml.translation import translated


def put_secrets(azure: AzureML, vault: str, values: dict[str, str]) -> list[str]:
    """Store what is not in the vault yet; the names that were written. A value that is there makes no new version."""
    url = azure.settings.key_vault_url.format(vault=vault)
    options = {
        "transport": open_transport(azure.settings),
        **retry_options(azure.settings),
        # The vault's name for its resource differs from its address in a private cloud.
        "verify_challenge_resource": not azure.settings.private_cloud,
    }
    written = []
    with (
        translated(f"write secrets to key vault {vault}"),
        SecretClient(url, azure.credential, **options) as client,
    ):
        for name, value in values.items():
            if _stored(client, name) != value:
                client.set_secret(name, value)
                written.append(name)
    return written


def _stored(client: SecretClient, name: str) -> str | None:
    try:
        return client.get_secret(name).value
    except ResourceNotFoundError:
        return None
