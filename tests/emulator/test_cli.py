"""The command line: starting, ending, what it says when it cannot, and that plain scripts work with what ``env`` prints."""

import json
import os
import resource
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import ROOT, RunningEmulator, running_emulator

_WORKSPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"

_ENVIRONMENT = {"properties": {"image": "img:1"}}


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulator", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, **more)  # type: ignore[call-overload, no-any-return] # keywords of run


def test_env_names_everything_as_shell_and_as_json(azure: RunningEmulator) -> None:
    as_json = json.loads(run("env", "--data", str(azure.data), "--json").stdout)
    assert as_json == azure.environment
    lines = run("env", "--data", str(azure.data)).stdout.splitlines()
    assert {shlex.split(line)[1] for line in lines} == {f"{name}={value}" for name, value in as_json.items()}


def test_env_without_an_emulator_says_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        ended = run("env", "--data", str(folder))
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"No emulator is running on {folder}. Start one: azureml-emulator serve")
        assert len(ended.stderr.splitlines()) == 1


def test_a_data_folder_has_one_emulator(azure: RunningEmulator) -> None:
    assert azure.process is not None
    ended = run("serve", "--data", str(azure.data), "--port", "0")
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        f"Another emulator (process {azure.process.pid}) is already running on {azure.data}. Stop it first."
    )


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("serve", "--data", str(tmp_path), "--port", str(port))
    assert ended.returncode == 1
    assert (
        ended.stderr.strip()
        == f"Port {port} on 127.0.0.1 is in use. Choose another with --port, or 0 for any free one."
    )


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("serve", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The folder {tmp_path / 'file' / 'data'} cannot be used")
    assert len(ended.stderr.splitlines()) == 1


def test_a_disk_that_is_full_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device here that is always full")
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "authority.pem").symlink_to("/dev/full")
    ended = run("serve", "--data", str(tmp_path), "--port", "0")
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"There is no room left on the disk of {tmp_path}. Make room and start again."


def test_an_upload_that_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    running = RunningEmulator(tmp_path, largest_file=4_000_000)
    running.start()
    try:
        vault = f"{running.environment['KEY_VAULT_URL_TEMPLATE'].format(vault='kv-dev')}/secrets/one"
        assert running.ask("PUT", f"{_WORKSPACE}/environments/e/versions/1", _ENVIRONMENT).status_code == 201
        upload = running.ask("POST", f"{_WORKSPACE}/codes/c/versions/1/startPendingUpload", {}).json()
        address = upload["blobReferenceForConsumption"]["credential"]["sasUri"].replace("?", "/big.bin?")
        headers = {"x-ms-blob-type": "BlockBlob"}
        refused = running.client.put(address, content=b"x" * 5_000_000, headers=headers)
        assert refused.status_code == 507
        assert "The emulator's disk is full. Make room and try again." in refused.text
        assert running.client.put(address, content=b"small", headers=headers).status_code == 201
        assert [path.name for path in (running.data / "uploads").iterdir()] == []
        assert running.ask("PUT", vault, {"value": "one"}).status_code == 200
    finally:
        running.stop()


def test_it_ends_in_order(tmp_path: Path) -> None:
    running = RunningEmulator(tmp_path)
    running.start()
    assert running.stop() == 0
    assert not (running.data / "emulator.json").exists()
    assert running.log.splitlines() == [f"Azure ML emulator at {running.base_url}, data in {running.data}"]


def test_it_starts_fast(tmp_path: Path) -> None:
    """Measured as processor time: what else runs on this machine has no part in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running_emulator(tmp_path):
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4


def test_state_and_address_survive_a_kill(own_azure: RunningEmulator) -> None:
    before = own_azure.ask("GET", _WORKSPACE).json()
    environment = {"properties": {"image": "img:1", "description": f"see {own_azure.base_url}/x"}}
    assert own_azure.ask("PUT", f"{_WORKSPACE}/environments/kept/versions/1", environment).status_code == 201
    old, owner = own_azure.base_url, own_azure.environment["AZURE_CLIENT_SECRET"]
    own_azure.kill()
    own_azure.start()
    assert own_azure.environment["AZURE_CLIENT_SECRET"] == owner
    after = own_azure.ask("GET", _WORKSPACE).json()
    assert after["properties"]["workspaceId"] == before["properties"]["workspaceId"]
    kept = own_azure.ask("GET", f"{_WORKSPACE}/environments/kept/versions/1").json()
    assert kept["properties"]["description"] == f"see {own_azure.base_url}/x"
    assert old != own_azure.base_url


def test_it_listens_on_loopback_only(azure: RunningEmulator) -> None:
    port = int(azure.base_url.rpartition(":")[2])
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not tables[0].exists():
        pytest.skip("the kernel does not show its sockets here")
    listening = [
        line.split()[1] for table in tables for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"
    ]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


_SCRIPT = """
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Environment
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
import os

credential = DefaultAzureCredential()
client = MLClient(credential, os.environ["AZURE_SUBSCRIPTION_ID"], "rg-ml", "ws-dev")
client.environments.create_or_update(Environment(name="of-a-script", image="img:1"))
print(client.environments.get("of-a-script", label="latest").image)
print(client.registries.get("reg-shared").location)
vault = SecretClient(os.environ["KEY_VAULT_URL_TEMPLATE"].format(vault="kv-dev"), credential)
print(vault.set_secret("plain", "value").value)
"""


def test_a_plain_script_works_with_exactly_these_variables(azure: RunningEmulator) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(azure.folder), **azure.environment}
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert ended.stdout.split() == ["img:1", "eastus", "value"], ended.stderr
