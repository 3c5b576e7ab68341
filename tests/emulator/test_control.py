"""Faults and delays that tests switch on."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

_WORKSPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"


def environment_path() -> str:
    return f"{_WORKSPACE}/environments/env-{uuid.uuid4().hex[:8]}/versions/1"


_BODY = {"properties": {"image": "img:1"}}


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer guessed", "token"])
def test_whoever_cannot_read_the_folder_controls_nothing(azure: RunningEmulator, sent: str | None) -> None:
    owner = f"Bearer {azure.token()}"
    for header in (sent, owner):
        headers = {"Authorization": header} if header else {}
        for method, path in [
            ("POST", "principals"), ("DELETE", "principals/x"), ("PUT", "delays"), ("POST", "faults/requests"),
            ("POST", "faults/operations"), ("DELETE", "faults"), ("PUT", "quotas"), ("GET", "operations"), ("GET", "faults"),
        ]:  # fmt: skip
            answer = azure.client.request(
                method, f"/emulator/v1/{path}", json={"name": "me", "assignments": [{"role": "Owner"}]}, headers=headers
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ControlSecretRequired"), path
    assert azure.client.get("/emulator/v1/health").status_code == 200


def test_what_is_in_the_folder_is_its_owners_alone(azure: RunningEmulator) -> None:
    assert azure.data.stat().st_mode & 0o777 == 0o700
    for file in ("control.secret", "emulator.json"):
        assert (azure.data / file).stat().st_mode & 0o777 == 0o600


def test_a_request_fault_strikes_once_then_is_used_up(azure: RunningEmulator) -> None:
    azure.break_request("/workspaces/ws-dev", status=429, code="TooManyRequests", retry_after=7)
    struck = azure.ask("GET", _WORKSPACE)
    assert (struck.status_code, struck.headers["Retry-After"]) == (429, "7")
    assert struck.json()["error"]["code"] == "TooManyRequests"
    assert azure.ask("GET", _WORKSPACE).status_code == 200


def test_a_request_fault_can_let_some_pass_first(azure: RunningEmulator) -> None:
    azure.break_request("/workspaces/ws-dev", method="GET", skip=1, times=2, status=503)
    assert [azure.ask("GET", _WORKSPACE).status_code for _ in range(4)] == [200, 503, 503, 200]


def test_a_request_fault_strikes_only_its_method_and_path(azure: RunningEmulator) -> None:
    azure.break_request("/environments/", method="PUT", status=500)
    assert azure.ask("GET", _WORKSPACE).status_code == 200
    assert azure.ask("PUT", environment_path(), _BODY).status_code == 500


def test_a_connection_cut_before_leaves_nothing(azure: RunningEmulator) -> None:
    path = environment_path()
    azure.break_request("/environments/", method="PUT", cut="before")
    with pytest.raises(httpx.TransportError):
        azure.ask("PUT", path, _BODY)
    assert azure.ask("GET", path).status_code == 404


def test_a_connection_cut_after_took_effect(azure: RunningEmulator) -> None:
    path = environment_path()
    azure.break_request("/environments/", method="PUT", cut="after")
    with pytest.raises(httpx.TransportError):
        azure.ask("PUT", path, _BODY)
    assert azure.ask("GET", path).status_code == 200


def test_a_slow_answer_is_slow(azure: RunningEmulator) -> None:
    token = {"Authorization": f"Bearer {azure.token()}"}
    azure.break_request("/workspaces/ws-dev", delay=0.3)
    begun = time.monotonic()
    assert azure.client.get(_WORKSPACE, headers=token).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_a_held_request_passes_once_everything_is_healed(azure: RunningEmulator) -> None:
    azure.break_request("/workspaces/ws-dev", delay=3600)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(azure.ask, "GET", _WORKSPACE)
        with pytest.raises(TimeoutError):
            held.result(timeout=0.3)
        azure.heal()
        assert held.result(timeout=30).status_code == 200


def _begin_registry_asset(azure: RunningEmulator) -> tuple[str, httpx.Response]:
    name = f"env-{uuid.uuid4().hex[:8]}"
    registry = _WORKSPACE.replace("workspaces/ws-dev", "registries/reg-shared")
    path = f"/mferp/managementfrontend{registry}/environments/{name}/versions/1"
    return path, azure.ask("PUT", path, _BODY)


def _follow(azure: RunningEmulator, began: httpx.Response) -> httpx.Response:
    location = began.headers["Location"]
    answer = azure.ask("GET", location)
    while answer.status_code == 202:
        time.sleep(0.05)
        answer = azure.ask("GET", location)
    return answer


def test_an_operation_takes_as_long_as_was_said(azure: RunningEmulator) -> None:
    azure.delay(registry_asset=0.5)
    begun = time.monotonic()
    path, began = _begin_registry_asset(azure)
    assert began.status_code == 202
    assert int(began.headers["retry-after-ms"]) > 0
    assert azure.ask("GET", path).status_code == 404
    assert _follow(azure, began).json()["assetId"].startswith("azureml://registries/reg-shared/environments/")
    assert time.monotonic() - begun >= 0.5
    assert azure.ask("GET", path).status_code == 200


def test_an_operation_fails_as_was_said(azure: RunningEmulator) -> None:
    azure.break_operation("registry_asset", code="Conflict", message="not today")
    path, began = _begin_registry_asset(azure)
    ended = _follow(azure, began)
    assert ended.status_code == 400
    assert ended.json()["error"] == {"code": "Conflict", "message": "not today"}
    assert azure.ask("GET", path).status_code == 404


def test_an_operation_that_never_ends_goes_on(azure: RunningEmulator) -> None:
    azure.break_operation("registry_asset", never_ends=True)
    _, began = _begin_registry_asset(azure)
    time.sleep(0.3)
    assert azure.ask("GET", began.headers["Location"]).status_code == 202


def test_a_delayed_operation_goes_on_after_a_kill(own_azure: RunningEmulator) -> None:
    own_azure.delay(registry_asset=1.0)
    path, began = _begin_registry_asset(own_azure)
    operation = began.headers["Location"].rpartition("/")[2]
    own_azure.kill()
    own_azure.start()
    ended = own_azure.ask("GET", f"/assetstore/v1.0/operations/{operation}")
    while ended.status_code == 202:
        time.sleep(0.05)
        ended = own_azure.ask("GET", f"/assetstore/v1.0/operations/{operation}")
    assert ended.status_code == 200
    assert own_azure.ask("GET", path).status_code == 200
