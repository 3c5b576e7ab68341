"""Azure ML under one identity: what every function of the adapter takes first."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from azure.ai.ml import MLClient
from azure.core.credentials import TokenCredential
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse

from app.azureml.client import AzureSettings, connect, open_transport, retry_options
from app.azureml.translation import operation_failed, translated
from app.azureml.types import RegistryRef
from app.planning.places import Place
from app.process.azure_identity import own_credential


@dataclass(frozen=True)
class AzureML:
    """Safe to share between threads: it holds no connection."""

    settings: AzureSettings
    credential: TokenCredential = field(repr=False)

    def connect(self, where: Place | RegistryRef, *, doing: str) -> AbstractContextManager[MLClient]:
        """A fresh client; what the SDK raises meanwhile is translated. ``doing`` completes "Could not …"."""
        return connect(self.settings, self.credential, where, doing=doing)

    def get_json(self, url: str, *, doing: str) -> Any:
        """What an address that takes Azure Resource Manager's tokens gives, e.g. an operation's record."""
        scope = f"{self.settings.resource_manager}/.default"
        policies = [
            RetryPolicy(**retry_options(self.settings)),
            BearerTokenCredentialPolicy(self.credential, scope),
        ]
        transport = open_transport(self.settings)
        with translated(doing), Pipeline[HttpRequest, HttpResponse](transport, policies) as pipeline:
            response = pipeline.run(HttpRequest("GET", url)).http_response
            response.raise_for_status()
            return response.json()

    def raise_failure(self, operation_uri: str | None, *, doing: str) -> None:
        """Raise what a failed operation failed with, as its record tells."""
        error: dict[str, Any] = {}
        # The address is a property of the resource: our token goes to nobody but the resource manager.
        if operation_uri and operation_uri.startswith(f"{self.settings.resource_manager.rstrip('/')}/"):
            error = self.get_json(operation_uri, doing=doing).get("error") or {}
        code = error.get("code") or "Failed"
        raise operation_failed(code, error.get("message") or "Azure gave no reason.", doing=doing)


def open_azure(settings: AzureSettings) -> AzureML:
    """Azure ML under this process's own identity. Asks nobody for a token yet. Raises Misconfigured."""
    quiet_sdk()
    return AzureML(settings, own_credential(private_cloud=settings.private_cloud))


def quiet_sdk() -> None:
    """At ERROR the SDK logs each look-up of something that is not there; what matters is raised."""
    logging.getLogger("azure.ai.ml._telemetry").setLevel(logging.CRITICAL)
