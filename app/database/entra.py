"""Passwords for Azure's PostgreSQL: tokens of Entra ID, of which the server wants one whenever a connection is opened.

Imported only where the settings ask for it: the API loads nothing of the Azure SDK otherwise.
"""

from collections.abc import Callable

from azure.core.exceptions import AzureError

from app.errors import Unavailable
from app.process.azure_identity import own_credential

# The same in every tenant. https://learn.microsoft.com/azure/postgresql/flexible-server/security-entra-concepts
SCOPE = "https://ossrdbms-aad.database.windows.net/.default"


def entra_password(*, private_cloud: bool) -> Callable[[], str]:
    """What gives a valid token at each call: kept for as long as it lives, an hour or so. It raises Unavailable."""
    credential = own_credential(private_cloud=private_cloud)

    def password() -> str:
        try:
            return credential.get_token(SCOPE).token
        except AzureError as refused:
            raise Unavailable(
                f"Azure gives no token for the database ({str(refused).strip().splitlines()[0]}).",
                code="database_token_refused",
                hint="Check that this process has an identity in Azure; AZURE_CLIENT_ID names it where there are several.",
            ) from refused

    return password
