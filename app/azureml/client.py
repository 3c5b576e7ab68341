"""Connections to Azure ML.

The SDK's client is not safe to share: ``share`` swaps its scope while it runs, and a poller that nobody waits for goes on in a
thread of its own. So each activity gets a fresh client, and what it left running ends with it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from azure.ai.ml import MLClient
from azure.ai.ml._azure_environments import _get_clouds_by_metadata_url
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport

from app.azureml.errors import ConnectionLost
from app.azureml.sdk_repairs import (
    repair_download_of_models,
    repair_first_use_by_several_threads,
    repair_look_for_templates,
)
from app.azureml.translation import translated
from app.azureml.types import RegistryRef
from app.planning.places import Place
from app.settings import Settings

repair_download_of_models()
repair_first_use_by_several_threads()
repair_look_for_templates()

_ARM = "https://management.azure.com"
_PUBLIC_CLOUD = {"resource_manager": _ARM, "aml_resource_id": "https://ml.azure.com"}
_STORAGE = ("https://storage.azure.com",)  # the audience of every cloud's


@dataclass(frozen=True)
class AzureSettings:
    """What the adapter is told once, by the process that starts it."""

    key_vault_url: str = "https://{vault}.vault.azure.net"
    poll_seconds: float = 5.0
    metrics_delay_seconds: float = 180.0  # until a minute's metrics are complete
    patience_seconds: float = 3600.0  # for one Azure operation to end, before the step is tried anew
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    retries: int = (
        1  # inside the SDK, of broken connections; the rest is the workflow's, which people see and can interrupt
    )
    resource_manager: str = _ARM
    cloud_metadata_url: str | None = None  # of a cloud that is not one of Microsoft's own
    ca_file: Path | None = None  # for scoring requests; the SDK reads REQUESTS_CA_BUNDLE itself
    before_request: Callable[[], None] = lambda: None  # may raise: then nothing is sent; see ``outgoing``
    private_cloud: bool = False  # Microsoft's instance discovery knows nothing of the authority


def read_azure_settings(settings: Settings, *, before_request: Callable[[], None] = lambda: None) -> AzureSettings:
    """The service's settings, and the environment variables that the Azure SDK goes by too."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    metadata = os.environ.get("ARM_CLOUD_METADATA_URL")
    return AzureSettings(
        key_vault_url=settings.key_vault_url,
        poll_seconds=settings.poll_seconds,
        metrics_delay_seconds=settings.metrics_delay_seconds,
        resource_manager=metadata.split("/metadata", 1)[0] if metadata else _ARM,
        cloud_metadata_url=metadata,
        read_seconds=settings.read_seconds,
        ca_file=Path(bundle) if bundle else None,
        before_request=before_request,
        private_cloud=settings.azure == "local",
    )


@contextmanager
def connect(
    settings: AzureSettings, credential: TokenCredential, where: Place | RegistryRef, *, doing: str
) -> Iterator[MLClient]:
    """A fresh client; what the SDK raises meanwhile is translated. ``doing`` completes "Could not …"."""
    transport = open_transport(settings)
    try:
        with translated(doing):
            options: dict[str, Any] = {
                **_cloud_options(settings.cloud_metadata_url),
                "show_progress": False,
                "enable_telemetry": False,
                "transport": transport,
                **retry_options(settings),
                "polling_interval": settings.poll_seconds,
            }
            match where:
                case Place(subscription=subscription, resource_group=group, workspace=workspace):
                    yield MLClient(credential, subscription, group, workspace, **options)
                case RegistryRef(name):
                    yield MLClient(credential, registry_name=name, **options)
    finally:
        transport.close()  # ends the pollers that were begun and dropped


@cache
def _cloud_options(metadata_url: str | None) -> dict[str, Any]:
    """The addresses of a cloud that the SDK does not know by itself: told once, or it asks four times for each client."""
    if metadata_url is None:
        return {}
    for addresses in _get_clouds_by_metadata_url(metadata_url).values():
        if addresses["resource_manager"] in metadata_url:
            # Under a name of its own: the SDK never forgets the addresses that it has for a name.
            return {"cloud": metadata_url, "cloud_metadata": addresses}
    raise ConnectionLost(
        f"The cloud's metadata cannot be read from {metadata_url}.",
        hint="Check that the address is right and responds.",
    )


def cloud_scopes(settings: AzureSettings) -> frozenset[str]:
    """What the SDK needs tokens for to submit and upload: never a vault's."""
    addresses = _cloud_options(settings.cloud_metadata_url).get("cloud_metadata", _PUBLIC_CLOUD)
    # The SDK asks for the public cloud's audiences in every cloud, when it looks into a registry.
    resources = {
        addresses["resource_manager"],
        addresses["aml_resource_id"],
        settings.resource_manager,
        *_PUBLIC_CLOUD.values(),
        *_STORAGE,
    }
    return frozenset(f"{resource.rstrip('/')}{slash}/.default" for resource in resources for slash in ("", "/"))


def retry_options(settings: AzureSettings) -> dict[str, int]:
    """For any client of the SDK. Left to itself it sleeps as long as a Retry-After says, whatever anybody asks meanwhile."""
    return {"retry_total": settings.retries, "retry_status": 0}


def open_transport(settings: AzureSettings) -> RequestsTransport:
    """A connection pool that waits no longer than the settings say: the SDK's own waits five minutes."""
    return RequestsTransport(connection_timeout=settings.connect_seconds, read_timeout=settings.read_seconds)
