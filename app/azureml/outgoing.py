"""What holds for every request of the Azure SDK in this process, also on connections that it opens by itself.

Most of the SDK's clients take a transport of ours; those for storage, and the registry half of a share, take none. All of them end
in the same place: the adapter of the ``requests`` library. So that is where a request is stopped or sent.
"""

from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from app.azureml.client import AzureSettings

Send = Callable[..., Response]


def guard_requests(settings: AzureSettings) -> None:
    """From now on each asks ``settings.before_request`` first, which may raise, and waits no longer than the settings say.

    For the whole process, and once: a worker that another one replaced must not act on Azure, on whichever connection.
    """
    HTTPAdapter.send = _guarded(HTTPAdapter.send, settings)  # type: ignore[method-assign] # no connection may get around it


def _guarded(send: Send, settings: AzureSettings) -> Send:
    def send_guarded(adapter: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
        settings.before_request()
        return send(adapter, request, **{**options, "timeout": _capped(options.get("timeout"), settings)})

    return send_guarded


def _capped(timeout: Any, settings: AzureSettings) -> tuple[float, float]:
    """Seconds to connect and to read; None stands for no end."""
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return (
        min(settings.connect_seconds, connect or settings.connect_seconds),
        min(settings.read_seconds, read or settings.read_seconds),
    )
