"""The client of an mlrelease service: ``Client``, and ``AsyncClient`` with the same methods to be awaited.

with Client("https://mlrelease.example", token=os.environ["MLRELEASE_TOKEN"]) as service:
    release = service.create_release(model="sentiment-model", job="careful_fox_4zk1")
    release = service.wait_for_release(release.id, seconds=3600)
"""

from mlrelease_client.client import AsyncClient, Client
from mlrelease_client.errors import (
    ClientError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotMlrelease,
    ProblemError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WaitedTooLong,
)
from mlrelease_client.retries import Retries
from mlrelease_client.waiting import has_ended, needs_people

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NotFound",
    "NotMlrelease",
    "ProblemError",
    "Retries",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "WaitedTooLong",
    "has_ended",
    "needs_people",
]
