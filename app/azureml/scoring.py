"""Scoring requests, sent straight to the endpoint: the SDK's own ``invoke`` leaks a deployment's name into later calls."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

from app.azureml.errors import ConnectionLost, TimedOut
from app.azureml.facade import AzureML
from app.azureml.types import Answer

_DEPLOYMENT = "azureml-model-deployment"


class Scoring:
    """A connection to one endpoint, kept over several requests. Use it in a ``with``."""

    def __init__(self, azure: AzureML, uri: str, *, secret: Callable[[], str]) -> None:
        """``secret`` gives the key or token to send, and is asked before each request."""
        verify = ssl.create_default_context(cafile=azure.settings.ca_file)
        timeout = httpx.Timeout(azure.settings.read_seconds, connect=azure.settings.connect_seconds)
        self._uri = uri
        self._before_request = azure.settings.before_request
        self._secret = secret
        self._client = httpx.Client(verify=verify, timeout=timeout)

    def __enter__(self) -> "Scoring":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, request: Any, *, deployment: str | None = None) -> Answer:
        """Send one request, to a deployment by name whatever its traffic. Raises ConnectionLost or TimedOut."""
        headers = {"Authorization": f"Bearer {self._secret()}"}
        if deployment:
            headers[_DEPLOYMENT] = deployment
        self._before_request()
        begun = time.perf_counter()
        try:
            response = self._client.post(self._uri, json=request, headers=headers)
        except httpx.TimeoutException:
            raise TimedOut(f"{self._uri} did not answer in time.") from None
        except httpx.TransportError as broken:
            raise ConnectionLost(f"No connection to {self._uri}: {broken}") from None
        return Answer(
            status=response.status_code,
            body=_parsed(response),
            seconds=time.perf_counter() - begun,
            deployment=response.headers.get(_DEPLOYMENT),
            retry_after=_seconds(response.headers.get("Retry-After")),
        )


def _parsed(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:  # a date, which Azure does not send here
        return None
