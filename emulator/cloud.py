"""What tells the SDK where everything is: ARM's cloud metadata and a workspace's service discovery."""

from fastapi import APIRouter

from emulator.identity import AUTHORITY, TENANT
from emulator.state import Azure
from emulator.storage import STORAGE_SUFFIX
from emulator.store import Document

router = APIRouter()

_SERVICES = (
    "api",
    "catalog",
    "experimentation",
    "history",
    "hyperdrive",
    "labeling",
    "mlflow",
    "modelmanagement",
    "notebooks",
    "pipelines",
    "studio",
)
CLOUD = "AzureEmulator"  # must not be one of the SDK's own clouds: those it never looks up


@router.get("/metadata/endpoints")
async def cloud_metadata(azure: Azure) -> list[Document]:
    base = azure.base_url
    return [
        {
            "name": CLOUD,
            "portal": f"{base}/",
            "resourceManager": f"{base}/",
            "authentication": {
                "loginEndpoint": f"{base}{AUTHORITY}/",
                "audiences": [f"{base}/"],
                "tenant": TENANT,
                "identityProvider": "AAD",
            },
            "suffixes": {"storage": STORAGE_SUFFIX, "keyVaultDns": "vault.local"},
        }
    ]


@router.get("/discovery")
async def service_discovery(azure: Azure) -> Document:
    """Every service of a workspace has the same address here."""
    return dict.fromkeys(_SERVICES, azure.base_url)
