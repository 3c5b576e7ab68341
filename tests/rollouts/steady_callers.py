"""Callers at a steady rate, who note which deployment answered each of their requests."""

import math
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from tests.journeys.azure import Azure

_EACH = 4.0  # requests a second of one caller, who waits for each answer
_DEPLOYMENT = "azureml-model-deployment"


@dataclass(frozen=True)
class Answered:
    """``deployment``: who answered, as Azure says."""

    at: float
    deployment: str
    is_success: bool


class Callers:
    """What became of their requests."""

    def __init__(self) -> None:
        self.requests: list[Answered] = []

    @property
    def failed(self) -> list[Answered]:
        return [each for each in self.requests if not each.is_success]

    @property
    def share_failed(self) -> float:
        return len(self.failed) / max(1, len(self.requests))

    def fail_at_most_its_share(self, deployment: str, percent: float) -> bool:
        """Whether only this deployment failed requests, and no more than its share of those in its minutes."""
        its = [each.at for each in self.requests if each.deployment == deployment]
        meanwhile = [each for each in self.requests if its and its[0] <= each.at <= its[-1]]
        only_it = all(each.deployment == deployment for each in self.failed)
        return bool(self.failed) and only_it and len(self.failed) <= percent / 100 * len(meanwhile)


@contextmanager
def calling_steadily(azure: Azure, endpoint: str, *, per_second: float) -> Iterator[Callers]:
    """With different numbers, so that code that fails on some of them does."""
    found = azure.endpoint("ws-dev", endpoint)
    assert found is not None
    address, key = found["properties"]["scoringUri"], azure.keys("ws-dev", endpoint)[0]
    trusted = ssl.create_default_context(cafile=azure.environment["SSL_CERT_FILE"])
    callers, over, several = Callers(), threading.Event(), math.ceil(per_second / _EACH)

    def go_on_asking(first: int) -> None:
        with httpx.Client(
            verify=trusted, trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"}
        ) as http:
            number, due = first, time.monotonic() + first / per_second
            while not over.wait(max(0.0, due - time.monotonic())):
                due += several / per_second
                number += several
                answer = http.post(address, json={"data": [number]})
                by = answer.headers.get(_DEPLOYMENT, "")
                callers.requests.append(Answered(time.monotonic(), by, answer.is_success))

    with ExitStack() as ending:
        for first in range(several):
            caller = threading.Thread(target=go_on_asking, args=(first,), daemon=True)
            caller.start()
            ending.callback(caller.join, 90)
        ending.callback(over.set)
        yield callers
