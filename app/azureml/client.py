"""Connections to Azure ML.

The SDK's client is not safe to share: ``share`` swaps its scope while it runs, and a poller that nobody waits for goes on in a
thread of its own. So each activity gets a fresh client, and what it left running ends with it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.ai.ml import MLClient
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport

from app.azureml.translation import translated
from app.azureml.types import RegistryRef, WorkspaceRef
from app.settings import Settings

_ARM = "https://management.azure.com"


@dataclass(frozen=True)
class AzureSettings:
    """What the adapter is told once, by the process that starts it."""

    key_vault_url: str = "https://{vault}.vault.azure.net"
    poll_seconds: float = 5.0
    patience_seconds: float = 3600.0  # for one Azure operation to end, before the step is tried anew
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    retries: int = 1  # inside the SDK; the workflow does the rest, where people can see it
    resource_manager: str = _ARM
    ca_file: Path | None = None  # for scoring requests; the SDK reads REQUESTS_CA_BUNDLE itself
    before_request: Callable[[], None] = lambda: None  # may raise: then nothing is sent
    private_cloud: bool = False  # Microsoft's instance discovery knows nothing of the authority


def read_azure_settings(settings: Settings, *, before_request: Callable[[], None] = lambda: None) -> AzureSettings:
    """The service's settings, and the environment variables that the Azure SDK goes by too."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    metadata = os.environ.get("ARM_CLOUD_METADATA_URL")
    return AzureSettings(
        key_vault_url=settings.key_vault_url,
        poll_seconds=settings.poll_seconds,
        resource_manager=metadata.split("/metadata", 1)[0] if metadata else _ARM,
        ca_file=Path(bundle) if bundle else None,
        before_request=before_request,
        private_cloud=settings.azure == "local",
    )


@contextmanager
def connect(
    settings: AzureSettings, credential: TokenCredential, where: WorkspaceRef | RegistryRef, *, doing: str
) -> Iterator[MLClient]:
    """A fresh client; what the SDK raises meanwhile is translated. ``doing`` completes "Could not …"."""
    transport = open_transport(settings)
    options: dict[str, Any] = {
        "show_progress": False,
        "enable_telemetry": False,
        "transport": transport,
        "retry_total": settings.retries,
        "polling_interval": settings.poll_seconds,
    }
    try:
        with translated(doing):
            match where:
                case WorkspaceRef(subscription, group, workspace):
                    yield MLClient(credential, subscription, group, workspace, **options)
                case RegistryRef(name):
                    yield MLClient(credential, registry_name=name, **options)
    finally:
        transport.close()  # ends the pollers that were begun and dropped


def open_transport(settings: AzureSettings) -> RequestsTransport:
    """A connection pool that waits no longer than the settings say: the SDK's own waits five minutes."""
    return _GuardedTransport(settings)


class _GuardedTransport(RequestsTransport):  # type: ignore[misc] # azure-core imports it late, so it has no type
    """Asks before each request whether it may still be sent: a worker that another one replaced must not act on Azure."""

    def __init__(self, settings: AzureSettings) -> None:
        super().__init__(connection_timeout=settings.connect_seconds, read_timeout=settings.read_seconds)
        self._before_request = settings.before_request

    def send(self, request: Any, **options: Any) -> Any:
        self._before_request()
        return super().send(request, **options)
