"""A worker that has lost its lease must not act on Azure: every request of a release asks first, and a no keeps all of them back."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobServiceClient
from requests.adapters import HTTPAdapter

from app.azureml.client import AzureSettings
from app.azureml.outgoing import guard_requests
from app.steps.contract import Interrupted
from tests.topology import Topology
from tests.waiting import wait_until

TOKEN_SECONDS = 3


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Callable[[AzureSettings], None]:
    """The guard, taken away again after the test."""
    monkeypatch.setattr(HTTPAdapter, "send", HTTPAdapter.send)
    return guard_requests


class _ByHand(Topology):
    """Without a nursery: whatever is sent to Azure is sent by the one worker that the test starts."""

    def _start_nursery(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(["cat"], stdin=pipe, stdout=pipe, text=True, start_new_session=True)


@dataclass(frozen=True)
class Released:
    """What a whole release sent to Azure, and how often its worker's guard was asked."""

    sent: list[dict[str, Any]]
    asked: int


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """A training job and a release to two stages, with tokens that last for seconds."""
    folder = tmp_path_factory.mktemp("guarded")
    asked, ready = folder / "asked", folder / "ready"
    asked.touch()
    with _ByHand(folder / "service", f"sqlite:///{folder / 'service.db'}") as topology:
        topology.delay(token=TOKEN_SECONDS)
        command = [sys.executable, "-m", "tests.faults.counting_worker", str(asked)]
        worker = topology._start("counting-worker", command, MLRELEASE_READY_FILE=str(ready))
        wait_until(lambda: ready.exists() or not worker.is_running, what="the worker takes work")
        # Importing the SDK reads the cloud's addresses, before there is a worker.
        before, asked_before = len(topology.requests()), asked.stat().st_size
        team = topology.new_team("guarded")
        topology.train(team)
        topology.wait_for(topology.ask(team), "succeeded")
        return Released(sent=topology.requests()[before:], asked=asked.stat().st_size - asked_before)


def test_every_request_of_a_release_asks_first(released: Released) -> None:
    kinds = {(each["method"], each["path"].split("/")[1]) for each in released.sent}
    assert {("POST", "inference"), ("POST", "mferp"), ("PUT", "keyvault"), ("PUT", "subscriptions")} <= kinds
    assert any(each["method"] == "PUT" and "blob.core.windows.net" in each["path"] for each in released.sent)
    # Whoever imports the SDK reads the cloud's addresses, also the process that children are forked from: before there is a guard.
    unasked = len(released.sent) - released.asked
    imports = [each for each in released.sent if (each["method"], each["path"]) == ("GET", "/metadata/endpoints")]
    assert 0 <= unasked <= len(imports)


def test_tokens_that_expire_on_the_way_are_renewed(released: Released) -> None:
    first, last = released.sent[0]["time"], released.sent[-1]["time"]
    tokens = [each for each in released.sent if each["path"].endswith("/token")]
    refused = [each for each in released.sent if each["status"] == 401 and "/keyvault/" not in each["path"]]

    assert last - first > TOKEN_SECONDS
    assert len(tokens) > (last - first) / TOKEN_SECONDS
    assert refused == []


def test_no_request_is_sent_when_the_guard_says_no(guard: Callable[[AzureSettings], None]) -> None:
    def refuse() -> None:
        raise Interrupted("released", "This worker has lost its lease.")

    guard(AzureSettings(before_request=refuse))

    with pytest.raises(Interrupted):
        requests.get("https://127.0.0.1:1/", timeout=1)
    with pytest.raises(Interrupted):  # a client with a transport of its own, as the SDK opens them
        BlobServiceClient("https://127.0.0.1:1/", retry_total=0).get_service_properties()


def test_no_request_waits_longer_than_the_settings_say(
    guard: Callable[[AzureSettings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    def note(_adapter: HTTPAdapter, _request: requests.PreparedRequest, **options: object) -> None:
        waits.append(options["timeout"])
        raise requests.ConnectionError("not sent")

    monkeypatch.setattr(HTTPAdapter, "send", note)
    guard(AzureSettings(connect_seconds=3, read_seconds=7))

    for timeout in (None, 5, 300, (300, 300), (1, None)):
        with pytest.raises(requests.ConnectionError):
            requests.get("https://127.0.0.1:1/", timeout=timeout)

    assert waits == [(3, 7), (3, 5), (3, 7), (3, 7), (1, 7)]
