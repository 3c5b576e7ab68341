"""Who may use a vault's secrets: bearer tokens, and the challenge from which SecretClient learns where to get one."""

from typing import Annotated

from fastapi import Depends, Request

from emulator import identity
from emulator.errors import AzureError, Forbidden, NotFound
from emulator.keyvault.vaults import vault_id
from emulator.state import Azure, Emulator
from emulator.store import Document


class Challenge(AzureError):
    """401 with the header from which SecretClient learns where to get a token."""

    status = 401
    default_code = "Unauthorized"

    def __init__(self, azure: Emulator) -> None:
        super().__init__("AKV10000: Request is missing a Bearer or PoP token.")
        # SecretClient wants the resource to be a parent domain of the vault's host. Of 127.0.0.1 that is 0.0.1.
        resource = "https://" + azure.authority.split(".", 1)[1]
        authority = f"{azure.base_url}/{identity.TENANT}"
        self.headers = {"WWW-Authenticate": f'Bearer authorization="{authority}", resource="{resource}"'}


_ACTIONS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "write"}


async def _open_vault(azure: Azure, vault: str, request: Request) -> Document:
    try:
        principal = identity.authenticate(azure, request.headers.get("authorization"))
    except AzureError:
        raise Challenge(azure) from None
    document = azure.store.get("vaults", vault)
    if document is None:
        raise NotFound(f"The vault {vault} does not exist.", code="VaultNotFound")
    action = f"Microsoft.KeyVault/vaults/secrets/{_ACTIONS[request.method]}"
    try:
        identity.authorize(principal, action, scope=vault_id(document))
    except Forbidden:
        raise Forbidden(
            f"Caller is not authorized to perform action on resource. Action: '{action}' Caller: "
            f"appid={principal.client_id};oid={principal.object_id} Vault: {vault}",
            code="Forbidden",
        ) from None
    return document


Vault = Annotated[Document, Depends(_open_vault)]
