"""``mlrelease up`` as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.local.ports import free_port


@contextmanager
def running_up(
    data: Path, *, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """``mlrelease up`` in a folder, and what it announced."""
    places = {"MLRELEASE_DATA": str(data), "MLRELEASE_PORT": str(free_port()), "MLRELEASE_EMULATOR_PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli.up", "--json"],
        env={**os.environ, **places, "MLRELEASE_DATABASE_URL": "", **(variables or {})},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            announced = "".join(iter(process.stdout.readline, "}\n")) + "}"
            yield process, json.loads(announced)
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate()
