"""The Dockerfile without Docker: its build steps and entry points run as processes, from the files that the image would have.

Stands in for Docker: the context is copied as `.dockerignore` leaves it, `/build` and `/opt/mlrelease` are folders of the test.
"""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BUILD, RUN = DOCKERFILE.split("\nFROM ", 2)[0], DOCKERFILE.split("\nFROM ", 2)[-1]


def instructions(stage: str, word: str) -> list[str]:
    return re.findall(rf"^{word} (.+)$", stage, re.M)


def context(into: Path) -> Path:
    """What `docker build` would send."""
    ignored = [line.strip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line]

    def leave_out(folder: str, names: list[str]) -> set[str]:
        at = Path(folder).relative_to(ROOT).as_posix()
        paths = {name: name if at == "." else f"{at}/{name}" for name in names}
        return {
            name
            for name, path in paths.items()
            if any(fnmatch(path, each) or fnmatch(f"x/{path}", each) for each in ignored)
        }

    shutil.copytree(ROOT, into, ignore=leave_out)
    return into


def test_the_default_command_is_the_api() -> None:
    assert instructions(RUN, "CMD") == ['["mlrelease", "serve"]']


def test_nothing_runs_as_root() -> None:
    (user,) = instructions(RUN, "USER")

    assert user not in {"root", "0"}
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("CMD ")


def test_everything_that_is_copied_is_in_the_context(tmp_path: Path) -> None:
    there = context(tmp_path / "context")
    sources = [part for line in instructions(BUILD, "COPY") for part in line.split()[:-1]]

    assert sources
    assert [source for source in sources if not (there / source).exists()] == []


@pytest.mark.slow
def test_the_build_gives_programs_that_work(tmp_path: Path) -> None:
    there, root = context(tmp_path / "build"), tmp_path / "opt"
    uv = Path(sys.executable).with_name("uv")
    environment = {**os.environ, "VIRTUAL_ENV": str(root), "UV_LINK_MODE": "copy"}
    steps = [line for line in instructions(BUILD, "RUN") if line.startswith("uv ")]
    assert len(steps) == 3

    for step in steps:
        command = step.replace("/opt/mlrelease", str(root)).split()
        subprocess.run([str(uv), *command[1:]], cwd=there, env=environment, check=True)
    data = tmp_path / "data"
    data.mkdir()
    alone = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "MLRELEASE_DATA": str(data), "HOME": str(tmp_path)}

    def run(program: str, *arguments: str) -> str:
        command = [str(root / "bin" / program), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=alone, check=True, capture_output=True, text=True).stdout

    assert "serve" in run("mlrelease", "--help")
    assert "serve" in run("azureml-emulator", "--help")
    run("mlrelease", "migrate")

    assert (data / "mlrelease.db").exists()
    assert str(root) in run("python", "-c", "import app; print(app.__file__)")
    assert not {"azure", "sklearn"} & set(run("python", "-c", "import app.main, sys; print(*sys.modules)").split())
