"""The script parts of what teams paste into their pipelines, as their runners run them."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.identity.issuer import TestIssuer

ROOT = Path(__file__).parents[2]
CI = ROOT / "deploy" / "ci"


def runner(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a runner in this folder, on which the client was installed."""
    program = folder / "mlrelease" / "bin" / "python"
    if not program.exists():
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        program.chmod(0o755)
    return {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8", **variables}


def on_github(folder: Path, tokens: str) -> dict[str, str]:
    """A job with ``id-token: write``: docs.github.com, default environment variables."""
    for name in ("output", "summary.md"):
        (folder / name).touch()
    return runner(
        folder,
        GITHUB_ACTIONS="true",
        GITHUB_ACTION_PATH=str(CI / "github"),
        GITHUB_REPOSITORY="team/churn",
        GITHUB_REPOSITORY_ID="4711",
        GITHUB_RUN_ID="99",
        GITHUB_RUN_ATTEMPT="1",
        GITHUB_SERVER_URL="https://github.com",
        GITHUB_OUTPUT=str(folder / "output"),
        GITHUB_STEP_SUMMARY=str(folder / "summary.md"),
        RUNNER_TEMP=str(folder),
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{tokens}/token?api-version=2.0",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="the-runner's-own",  # noqa: S106 # the stand-in's
    )


def on_azure(folder: Path, token: str) -> dict[str, str]:
    """An ``AzureCLI@2`` task, whose ``az`` is logged in by the service connection."""
    az = folder / "bin" / "az"
    az.parent.mkdir(exist_ok=True)
    asked = "account get-access-token --resource mlrelease --query accessToken --output tsv"
    az.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] || exit 1\necho {token}\n')
    az.chmod(0o755)
    sources = folder / "s" / "mlrelease"
    sources.parent.mkdir(exist_ok=True)
    if not sources.exists():
        sources.symlink_to(ROOT)
    return runner(
        folder,
        PATH=f"{az.parent}:{os.defpath}",
        TF_BUILD="True",
        SYSTEM_TEAMPROJECTID="project-1",
        SYSTEM_COLLECTIONURI="https://dev.azure.com/team/",
        BUILD_BUILDID="7",
        SYSTEM_STAGEATTEMPT="1",
        AGENT_TEMPDIRECTORY=str(folder),
        PIPELINE_WORKSPACE=str(folder),
    )


def start(script: str, environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    """As every runner starts bash: the first command that fails ends it."""
    return subprocess.Popen(
        ["/bin/bash", "-eo", "pipefail", "-c", script],
        env=dict(environment),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def step(file: str, name: str) -> dict[str, Any]:
    """The step of this id or name, wherever it is in the file."""
    (found,) = [
        each for each in _steps(yaml.safe_load((CI / file).read_text())) if name in (each.get("id"), each.get("name"))
    ]
    return found


def filled_in(step: Mapping[str, Any], defaults: Mapping[str, str], **values: str) -> dict[str, str]:
    """The step's ``env`` with inputs or parameters in the place of expressions."""

    def value(found: re.Match[str]) -> str:
        return values.get(found[1].replace("-", "_"), defaults.get(found[1], ""))

    return {
        name: re.sub(r"\$\{\{ (?:inputs|parameters)\.([\w-]+) \}\}", value, str(text))
        for name, text in step["env"].items()
    }


def outputs_of(path: Path) -> dict[str, str]:
    """As GitHub reads ``GITHUB_OUTPUT``: the last of a name counts."""
    found = re.findall(r"^(\w+)<<(\S+)\n(.*?)\n\2$", path.read_text(), re.MULTILINE | re.DOTALL)
    return {name: value for name, _, value in found}


@contextmanager
def github_tokens(issuer: TestIssuer, **claims: Any) -> Iterator[str]:
    """GitHub's side of ``ACTIONS_ID_TOKEN_REQUEST_URL``: its tokens for the audience that is asked for. The first try finds it busy."""
    busy = [True]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            good = self.headers["Authorization"] == "bearer the-runner's-own" and query["api-version"] == ["2.0"]
            self.send_response(503 if busy else 200 if good else 401)
            self.end_headers()
            if good and not busy:
                self.wfile.write(f'{{"value": "{issuer.token(aud=query["audience"][0], **claims)}"}}'.encode())
            busy.clear()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its signature
            """Say nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _steps(part: Any) -> Iterator[dict[str, Any]]:
    match part:
        case {"steps": [*steps]}:
            yield from steps
        case dict():
            for each in part.values():
                yield from _steps(each)
        case list():
            for each in part:
                yield from _steps(each)
