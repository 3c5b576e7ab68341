"""This process's own identity in Azure: of a worker for Azure ML, and of any process for a database that knows no passwords."""

import os

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential

from app.errors import Misconfigured


def own_credential(*, private_cloud: bool) -> TokenCredential:
    """Asks nobody for a token yet. ``private_cloud``: Microsoft knows nothing of its authority. Raises Misconfigured."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        if os.environ.get(name) == "":  # as a compose file passes on what nobody set: the SDK would take it for a value
            del os.environ[name]
    try:
        return DefaultAzureCredential(disable_instance_discovery=private_cloud)
    except ValueError as wrong:
        raise Misconfigured(
            f"The credentials for Azure are not usable: {wrong}.",
            code="credentials_invalid",
            hint="Check AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_AUTHORITY_HOST.",
        ) from wrong
