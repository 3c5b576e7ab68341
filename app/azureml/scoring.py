"""Scoring requests, sent straight to the endpoint: the SDK's own ``invoke`` leaks a deployment's name into later calls.

The answers come from a team's code: their size and time are bounded, and what is no JSON is text.
"""

import json
import math
import ssl
import time
from collections.abc import Callable
from typing import Any, NoReturn

import httpx

from app.azureml.errors import AnswerTooLarge, ConnectionLost, TimedOut
from app.azureml.facade import AzureML
from app.azureml.types import Answer

LARGEST_ANSWER = 10 * 1024**2  # bytes, as much as Azure ML lets through
DEEPEST_ANSWER = 100  # lists and objects inside each other
_LONGEST_WAIT = 600.0  # seconds of a Retry-After
_DEPLOYMENT = "azureml-model-deployment"
_MODEL_ERROR = ("ms-azureml-model-error-reason", "ms-azureml-model-error-statuscode")


class Scoring:
    """A connection to one endpoint, kept over several requests. Use it in a ``with``."""

    def __init__(self, azure: AzureML, uri: str, *, secret: Callable[[], str], seconds: float = 0.0) -> None:
        """``secret`` gives the key or token to send, and is asked before each request.

        An answer may take as long as the settings say, or ``seconds`` if that is longer.
        """
        verify = ssl.create_default_context(cafile=azure.settings.ca_file)
        self._seconds = max(azure.settings.read_seconds, seconds)
        self._uri = uri
        self._before_request = azure.settings.before_request
        self._secret = secret
        self._client = httpx.Client(
            verify=verify,
            timeout=httpx.Timeout(self._seconds, connect=azure.settings.connect_seconds),
            headers={"Accept-Encoding": "identity"},  # a few bytes must not become gigabytes
            follow_redirects=False,  # our credentials go to nobody else
        )

    def __enter__(self) -> "Scoring":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, request: Any, *, deployment: str | None = None) -> Answer:
        """Send one request, to a deployment by name whatever its traffic.

        Raises ConnectionLost, TimedOut or AnswerTooLarge.
        """
        headers = {"Authorization": f"Bearer {self._secret()}"}
        if deployment:
            headers[_DEPLOYMENT] = deployment
        self._before_request()
        begun = time.perf_counter()
        try:
            with self._client.stream("POST", self._uri, json=request, headers=headers) as response:
                raw = self._read(response, until=begun + self._seconds)
        except httpx.TimeoutException:
            raise self._late() from None
        except httpx.TransportError as broken:
            raise ConnectionLost(f"No connection to {self._uri}: {broken}") from None
        body, not_json = _parsed(raw)
        return Answer(
            status=response.status_code,
            body=body,
            seconds=time.perf_counter() - begun,
            deployment=response.headers.get(_DEPLOYMENT),
            retry_after=_seconds(response.headers.get("Retry-After")),
            not_json=not_json,
            headers={name: response.headers[name] for name in _MODEL_ERROR if name in response.headers},
        )

    def _read(self, response: httpx.Response, *, until: float) -> bytes:
        raw = bytearray()
        for chunk in response.iter_raw():
            raw += chunk
            if len(raw) > LARGEST_ANSWER:
                raise AnswerTooLarge(
                    f"{self._uri} answered with more than {LARGEST_ANSWER:,} bytes.",
                    hint="Choose a golden request with a smaller answer.",
                )
            if time.perf_counter() > until:
                raise self._late()
        return bytes(raw)

    def _late(self) -> TimedOut:
        return TimedOut(f"{self._uri} did not answer within {self._seconds:.0f} s.")


def _parsed(raw: bytes) -> tuple[Any, str | None]:
    """The JSON, or the text and why it is no JSON."""
    text = raw.decode("utf-8", errors="replace")
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        return text, "it is nested too deeply"
    except ValueError as wrong:
        return text, str(wrong)
    if _is_deeper(found, DEEPEST_ANSWER):
        return text, f"it is nested deeper than {DEEPEST_ANSWER}"
    return found, None


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _seconds(header: str | None) -> float | None:
    """None for a date, which Azure does not send here, and for what is no time to wait."""
    try:
        seconds = float(header) if header else math.nan
    except ValueError:
        return None
    return min(seconds, _LONGEST_WAIT) if seconds >= 0 else None
