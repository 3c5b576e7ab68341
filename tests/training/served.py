"""A score script in the host that serves it, over its unix socket."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

HOST = Path(__file__).parents[2] / "emulator" / "online" / "container" / "scoring_host.py"


class Host:
    """A scoring process over a model folder and a score script."""

    def __init__(self, code: Path, model: Path) -> None:
        # A path of our own, since the system's limit for a socket's path is about a hundred characters.
        self._folder = Path(tempfile.mkdtemp(prefix="host-"))
        self._log = self._folder / "log"
        socket = self._folder / "socket"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, HOST, socket],
                cwd=code,
                env=os.environ
                | {
                    "AML_APP_ROOT": str(code),
                    "AZUREML_ENTRY_SCRIPT": "score.py",
                    "AZUREML_MODEL_DIR": str(model),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.ready = self._process.stdout.readline() == b"ready\n"
        self._client = httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://host", timeout=60)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def score(self, body: object) -> httpx.Response:
        """POST a body: as it is if it is text, else as JSON."""
        if isinstance(body, str):
            return self._client.post("/score", content=body.encode())
        return self._client.post("/score", json=body)

    def stop(self) -> None:
        """End it as its emulator does: by closing its standard input."""
        self._client.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        status = self._process.wait(timeout=10)
        self._process.stdout.close()
        shutil.rmtree(self._folder)
        if self.ready:
            assert status in {0, -signal.SIGKILL}
