"""Secrets are not where other processes find them: not in a process's environment, nor in that of what it starts."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.local.local_azure import local_environment
from app.local.ports import free_port
from app.process.environment import SECRETS
from app.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")

CANARY = "canary-of-the-environment-0123456789"
PATIENCE_SECONDS = 60.0
_BEGIN_ANEW = """
import os, sys
from pathlib import Path
from app.process.environment import begin_anew, forget_secrets, hide_secrets
if "again" not in sys.argv:
    begin_anew([sys.argv[1], sys.argv[1], "again"], dict(os.environ))
hide_secrets()
print(os.environ["AZURE_CLIENT_SECRET"], os.environ["PGPASSWORD"])
print("canary" in Path("/proc/self/environ").read_text())
forget_secrets()
print("AZURE_CLIENT_SECRET" in os.environ, "PGPASSWORD" in os.environ)
"""


def test_every_secret_setting_is_taken_out() -> None:
    secret = {
        f"MLRELEASE_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if SecretStr.__name__ in str(field.annotation)
    }

    assert secret | {"MLRELEASE_DATABASE_URL", "AZURE_CLIENT_SECRET"} <= SECRETS


def test_a_process_that_begins_anew_hands_its_secrets_over_unseen(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_BEGIN_ANEW)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "AZURE_CLIENT_SECRET": "canary", "PGPASSWORD": "canary", "PYTHONPATH": root}

    told = subprocess.run(
        [sys.executable, str(program), str(program)], env=environment, capture_output=True, text=True, check=True
    )

    assert told.stdout.splitlines() == ["canary canary", "False", "False True"]


@pytest.mark.parametrize(
    ("module", "given_as"), [("app.main", "variables"), ("app.main", "files"), ("app.worker", "variables")]
)
def test_a_running_process_shows_no_secret(module: str, given_as: str, migrated_sqlite: Path, tmp_path: Path) -> None:
    database = shutil.copy(migrated_sqlite, tmp_path / "canary-of-the-environment-0123456789.db")
    secrets = {
        "MLRELEASE_DATABASE_URL": f"sqlite:///{database}",
        "MLRELEASE_SIGNING_KEYS": CANARY,
        "MLRELEASE_SLACK_SIGNING_SECRET": CANARY,
        "AZURE_CLIENT_SECRET": CANARY,
    }
    with _running(module, secrets, given_as=given_as, folder=tmp_path) as pid:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        memory_of_children = [
            Path(f"/proc/{child}/environ").read_bytes()
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    assert b"MLRELEASE_DATA" in environment
    assert not [each for each in (environment, *memory_of_children) if CANARY.encode() in each]


def test_what_runs_beside_the_service_on_one_machine_shows_no_secret(tmp_path: Path) -> None:
    """Training jobs of the emulator run as the same user: they can read what the programs around them were started with."""
    environment = {
        **local_environment(os.environ),
        "MLRELEASE_DATA": str(tmp_path / "data"),
        "MLRELEASE_PORT": str(free_port()),
        "MLRELEASE_EMULATOR_PORT": "0",
        "MLRELEASE_SIGNING_KEYS": CANARY,
    }
    with (tmp_path / "log").open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "app.cli.up"], env=environment, cwd=tmp_path, stdout=output, stderr=output
        )
    try:
        shown: dict[str, bytes] = {}
        until = time.monotonic() + PATIENCE_SECONDS
        while set(shown) != {"watchdog", "emulator"}:
            assert up.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, f"only {list(shown)} run"
            for child in Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    command = Path(f"/proc/{child}/cmdline").read_text()
                    for name in ("watchdog", "emulator"):
                        if f"app.local.{name}" in command or f"azureml-{name}" in command:
                            shown[name] = Path(f"/proc/{child}/environ").read_bytes()
        own = Path(f"/proc/{up.pid}/environ").read_bytes()
    finally:
        up.terminate()
        up.wait(PATIENCE_SECONDS)

    assert all(b"PATH=" in each for each in (own, *shown.values()))
    assert not [each for each in (own, *shown.values()) if CANARY.encode() in each]


@contextmanager
def _running(module: str, secrets: dict[str, str], *, given_as: str, folder: Path) -> Iterator[int]:
    """The id of such a process, once it works."""
    port, ready, log = free_port(), folder / "ready", folder / "log"
    environment = {
        **local_environment(os.environ),
        "MLRELEASE_DATA": str(folder / "data"),
        "MLRELEASE_PORT": str(port),
        "MLRELEASE_READY_FILE": str(ready),
    }
    if given_as == "files":
        (folder / "secrets").mkdir()
        environment["MLRELEASE_SECRETS_DIR"] = str(folder / "secrets")
        for name, secret in secrets.items():
            (folder / "secrets" / name).write_text(f"{secret}\n")
    else:
        environment |= secrets
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, cwd=folder, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (ready.exists() or b"startup complete" in log.read_bytes() or _listens(port)):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/tcp").read_text()
