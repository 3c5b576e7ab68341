"""What callers send to an endpoint: its key, a token of its own (``aml_token``), or an Entra token (``aad_token``)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from azure.ai.ml.entities import EndpointAuthKeys, EndpointAuthToken

from app.azureml.facade import AzureML
from app.planning.places import Place


@dataclass(frozen=True)
class _Secret:
    value: str = field(repr=False)
    renew_at: float  # seconds since the epoch; infinity: it does not expire


class ScoringCredential:
    """The credential of one endpoint, read when it is first needed and again when it is about to expire.

    Azure's own client decides by the endpoint's auth mode which kind it is. Never printed, logged or stored.
    """

    def __init__(
        self, azure: AzureML, workspace: Place, endpoint: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._azure = azure
        self._workspace = workspace
        self._endpoint = endpoint
        self._clock = clock
        self._secret: _Secret | None = None

    def value(self) -> str:
        """The key or token to send now. Raises AzureMLError."""
        if self._secret is None or self._clock() >= self._secret.renew_at:
            self._secret = self._read()
        return self._secret.value

    def forget(self) -> None:
        """Read it anew before the next use: the endpoint does not take this one."""
        self._secret = None

    def _read(self) -> _Secret:
        doing = f"read the scoring credentials of endpoint {self._endpoint} in {self._workspace}"
        with self._azure.connect(self._workspace, doing=doing) as client:
            found = client.online_endpoints.get_keys(self._endpoint)
        if isinstance(found, EndpointAuthKeys):
            return _Secret(str(found.primary_key), math.inf)
        # Only the endpoint's own tokens say from when on a new one can be had.
        refresh = found.refresh_after_time_utc if isinstance(found, EndpointAuthToken) else 0
        return _Secret(str(found.access_token), float(refresh or found.expiry_time_utc or math.inf))
