"""Secrets in a Key Vault. No value ever leaves this module but to the vault."""

from azure.core.exceptions import ResourceNotFoundError
from azure.keyvault.secrets import SecretClient

from app.azureml.client import open_transport, retry_options
from app.azureml.facade import AzureML
from app.azureml.translation import translated


def put_secrets(azure: AzureML, vault: str, values: dict[str, str]) -> list[str]:
    """Store what is not in the vault yet; the names that were written. A value that is there makes no new version."""
    written = []
    with translated(f"write secrets to key vault {vault}"), _open(azure, vault) as client:
        for name, value in values.items():
            if _stored(client, name) != value:
                client.set_secret(name, value)
                written.append(name)
    return written


def stale_secrets(azure: AzureML, vault: str, values: dict[str, str]) -> list[str]:
    """Names of secrets that are missing in the vault or have another value there."""
    with translated(f"read secrets of key vault {vault}"), _open(azure, vault) as client:
        return [name for name, value in values.items() if _stored(client, name) != value]


def require_vault(azure: AzureML, vault: str, *, secret: str) -> None:
    """Ask the vault for a secret, which need not be there. Raises NotFound (the vault), NotPermitted, ConnectionLost."""
    with translated(f"read secrets of key vault {vault}"), _open(azure, vault) as client:
        try:
            client.get_secret(secret)
        except ResourceNotFoundError as absent:
            if absent.error is None or absent.error.code != "SecretNotFound":
                raise


def _open(azure: AzureML, vault: str) -> SecretClient:
    url = azure.settings.key_vault_url.format(vault=vault)
    options = {
        "transport": open_transport(azure.settings),
        **retry_options(azure.settings),
        # The vault's name for its resource differs from its address in a private cloud.
        "verify_challenge_resource": not azure.settings.private_cloud,
    }
    return SecretClient(url, azure.credential, **options)


def _stored(client: SecretClient, name: str) -> str | None:
    try:
        return client.get_secret(name).value
    except ResourceNotFoundError:
        return None
