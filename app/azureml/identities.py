"""User-assigned managed identities, which endpoints run as."""

from typing import Any

from app.azureml.facade import AzureML

_API_VERSION = "2024-11-30"


def principal_of(azure: AzureML, identity: str) -> str:
    """The object id of the identity with this ARM id. Raises NotFound, NotPermitted."""
    url = f"{azure.settings.resource_manager.rstrip('/')}{identity}?api-version={_API_VERSION}"
    found: dict[str, Any] = azure.get_json(url, doing=f"read identity {identity.rpartition('/')[2]}")
    return str(found["properties"]["principalId"])
