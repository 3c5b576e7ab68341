"""The program inside a deployment's container: loads the team's score script and serves it, as Azure's inference server does.

    python scoring_host.py SOCKET

Contract with the emulator, which starts it:
- environment: ``AZUREML_ENTRY_SCRIPT`` below ``AML_APP_ROOT`` (the code, also the working folder), ``AZUREML_MODEL_DIR``;
- it serves HTTP/1.1 on the unix socket SOCKET: ``GET /`` (probes), ``GET|POST /score``, ``GET /swagger.json``;
- standard output carries one line, ``ready``, once ``init()`` is through; everything printed goes to standard error, the log;
- when standard input closes, the emulator is gone and so is this process; exit status 3: the script or its init() failed.

Flask and waitress, as in Azure's server on Windows: requests and responses are Flask's, as score scripts expect. Waitress
reads every body to its end before the application sees the request, so that nothing of one request is taken for the next.
"""

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

import waitress

# Found next to this file when it runs: Python puts a program's own folder on the path.
from azureml_inference_server_http.server.app import build_app
from azureml_inference_server_http.server.swagger import swagger
from azureml_inference_server_http.server.user_script import UserScript

SCRIPT_FAILED = 3  # Azure's server exits so, too
# One request at a time is in run(); the other threads answer probes and wait for their turn.
THREADS = 32
MAX_CONNECTIONS = 1000

log = logging.getLogger("azmlinfsrv")


def main() -> None:
    socket = Path(sys.argv[1])
    lifeline, announcement = _take_over_streams()
    threading.Thread(target=_die_with_the_emulator, args=(lifeline, socket), daemon=True).start()
    faulthandler.enable()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
    )
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # requests that wait for their turn are no news
    root, entry = Path(os.environ["AML_APP_ROOT"]), os.environ["AZUREML_ENTRY_SCRIPT"]
    sys.path.insert(0, str(root))
    app = build_app(_load(root / entry), swagger(root, entry))
    socket.unlink(missing_ok=True)
    server = waitress.create_server(
        app,
        unix_socket=str(socket),
        threads=THREADS,
        connection_limit=MAX_CONNECTIONS,
        asyncore_use_poll=True,  # select() knows 1,024 files only
        ident=None,
    )
    os.write(announcement, b"ready\n")
    os.close(announcement)
    log.info("Listening")
    server.run()


def _load(file: Path) -> UserScript:
    """The script after its init(). Exits, with what happened in the log, when either fails."""
    try:
        script = UserScript(file)
        log.info("Found user script at %s", file)
    except BaseException:  # noqa: BLE001 - SystemExit in a script is a failure of the script
        log.error("Failed to import user script:\n%s", traceback.format_exc())  # noqa: TRY400
        sys.exit(SCRIPT_FAILED)
    log.info("Invoking user's init function")
    try:
        script.init()
    except BaseException:  # noqa: BLE001 - as above
        log.error("User's init function failed\nEncountered Exception %s", traceback.format_exc())  # noqa: TRY400
        sys.exit(SCRIPT_FAILED)
    log.info("Users's init has completed successfully")
    return script


def _die_with_the_emulator(lifeline: int, socket: Path) -> None:
    while os.read(lifeline, 4096):
        pass
    with contextlib.suppress(OSError):
        socket.unlink(missing_ok=True)
        socket.parent.rmdir()  # it was made for this socket alone
    # Started by the emulator it leads a group of its own: whatever the team's code started goes with it.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _take_over_streams() -> tuple[int, int]:
    """Keep the lifeline and the announcement to ourselves: prints belong in the log, reads get nothing."""
    lifeline, announcement = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return lifeline, announcement


if __name__ == "__main__":
    main()
