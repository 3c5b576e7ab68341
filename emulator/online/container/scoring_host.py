"""The program inside a deployment's container: loads the team's score script and serves it, as Azure's inference server does.

    python scoring_host.py SOCKET

Contract with the emulator, which starts it:
- environment: ``AZUREML_ENTRY_SCRIPT`` below ``AML_APP_ROOT`` (the code, also the working folder), ``AZUREML_MODEL_DIR``;
- it serves HTTP/1.1 on the unix socket SOCKET: ``GET /`` (probes), ``GET|POST /score``, ``GET /swagger.json``;
- standard output carries one line, ``ready``, once ``init()`` is through; everything printed goes to standard error, the log;
- when standard input closes, the emulator is gone and so is this process; exit status 3: the script or its init() failed.

``run`` is called by one request at a time, as in one worker of Azure's server: score scripts need not be thread-safe.
Standard library only, so that it starts at once and shares no package with the team's code.
"""

import contextlib
import functools
import importlib.util
import inspect
import json
import logging
import os
import signal
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Found next to this file when it runs: Python puts a program's own folder on the path.
from azureml_inference_server_http.api.aml_request import AMLRequest
from azureml_inference_server_http.api.aml_response import AMLResponse

SCRIPT_FAILED = 3  # Azure's server exits so, too

log = logging.getLogger("azmlinfsrv")


class BadInput(Exception):
    """The request's body is not what this script's ``run`` can be given."""


class ScoreScript:
    """The team's module and the way its ``run`` wants to be called."""

    def __init__(self, file: Path) -> None:
        spec = importlib.util.spec_from_file_location("entry_module", file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules["entry_module"] = module  # pickles of the script's own classes look for it
        spec.loader.exec_module(module)
        for name in ("init", "run"):
            if not callable(getattr(module, name, None)):
                raise ImportError(  # noqa: TRY004 - the script cannot be imported as a score script
                    f"User script at {file} does not have a {name}() function defined."
                )
        self._init: Callable[[], None] = module.init
        self._run: Callable[..., Any] = module.run
        self._turn = threading.Lock()
        parameters = list(inspect.signature(self._run).parameters)
        self._wants_headers = "request_headers" in parameters
        self._inputs = [each for each in parameters if each != "request_headers"]
        if not self._inputs:
            raise ImportError("run() needs to accept an argument for input data.")

    def init(self) -> None:
        self._init()

    def run(self, request: AMLRequest, args: dict[str, list[str]]) -> tuple[AMLResponse, float]:
        """The script's answer and how many milliseconds it took. What ``run`` raises comes through."""
        arguments = self._arguments(request, args)
        if self._wants_headers:
            arguments["request_headers"] = dict(request.headers)
        with self._turn:
            began = time.perf_counter()
            output = self._run(**arguments)
            took = (time.perf_counter() - began) * 1000
        if not isinstance(output, AMLResponse):
            output = AMLResponse(output, 200, json_str=True)
        elif output.status_code >= 500:
            output.headers["x-ms-run-function-failed"] = "True"
        return output, took

    def _arguments(self, request: AMLRequest, args: dict[str, list[str]]) -> dict[str, Any]:
        if getattr(self._run, "raw_http_requested", False):
            return {self._inputs[0]: request}
        if request.method == "GET":
            body = json.dumps({name: _plain(values) for name, values in args.items()})
        else:
            try:
                body = request.data.decode()
            except UnicodeDecodeError as wrong:
                raise BadInput(f"Input cannot be decoded as UTF-8: {wrong}") from None
        if not self._is_schema_decorated():
            return {self._inputs[0]: body}
        try:
            parsed = json.loads(body)
        except ValueError as wrong:
            raise BadInput(f"Input is not valid JSON: {wrong}") from None
        if not isinstance(parsed, dict) or set(parsed) != set(self._inputs):
            raise BadInput(f"Expects a JSON object with exactly the members {', '.join(self._inputs)}.")
        return parsed

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one script a process, for as long as it lives
    def _is_schema_decorated(self) -> bool:
        if "inference_schema" not in sys.modules:
            return False
        util = importlib.import_module("inference_schema.schema_util")
        return bool(util.is_schema_decorated(self._run))


def _plain(values: list[str]) -> Any:
    def parse(value: str) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            return value

    return parse(values[0]) if len(values) == 1 else [parse(value) for value in values]


def swagger(root: Path, script: str) -> dict[str, Any]:
    """The team's own swagger.json next to its code, or a description of what any score script takes."""
    own = root / "swagger.json"
    if own.is_file():
        described: dict[str, Any] = json.loads(own.read_text())
        return described
    body = {"type": "object", "example": {}}
    answer = {"200": {"description": "The output of run()", "schema": {"$ref": "#/definitions/ServiceOutput"}}}
    return {
        "swagger": "2.0",
        "info": {"title": "ML service", "description": f"API specification for {script}", "version": "1.0"},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "paths": {
            "/": {"get": {"operationId": "ServiceHealthCheck", "responses": {"200": {"description": "Healthy"}}}},
            "/score": {
                "post": {
                    "operationId": "RunMLService",
                    "security": [{"Bearer": []}],
                    "parameters": [
                        {"name": "serviceInputPayload", "in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}
                    ],
                    "responses": answer,
                }
            },
        },
        "definitions": {"ServiceInput": body, "ServiceOutput": body},
    }


class Handler(BaseHTTPRequestHandler):
    """One connection of the emulator's gateway."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body of an answer leave together
    script: ScoreScript
    specification: bytes

    def do_GET(self) -> None:
        match urlsplit(self.path).path:
            case "/":
                self._answer(AMLResponse("Healthy", 200))
            case "/swagger.json":
                response = AMLResponse(self.specification, 200)
                response.headers["Content-Type"] = "application/json"
                self._answer(response)
            case _:
                self._score(b"")

    def do_POST(self) -> None:
        self._score(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _score(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/score":
            self._fail(404, "The requested URL was not found on the server.")
            return
        args = parse_qs(parts.query, keep_blank_values=True)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        request = AMLRequest(self.command, parts.path, args, headers, body)
        began = time.perf_counter()
        try:
            response, took = self.script.run(request, args)
        except BadInput as wrong:
            self._fail(400, str(wrong))
        except Exception:  # noqa: BLE001 - the team's code may raise anything; the caller gets Azure's sentence
            log.error("Encountered Exception: %s", traceback.format_exc())  # noqa: TRY400 - Azure's wording
            self._fail(
                500, "An unexpected error occurred in scoring script. Check the logs for more info.", failed=True
            )
        else:
            response.headers["x-ms-run-fn-exec-ms"] = f"{took:.3f}"
            self._answer(response)
            milliseconds = (time.perf_counter() - began) * 1000
            log.info(
                "%s %s %d %.3fms %d", self.command, parts.path, response.status_code, milliseconds, len(response.data)
            )

    def _fail(self, status: int, message: str, *, failed: bool = False) -> None:
        self._answer(AMLResponse({"message": message}, status, json_str=True, run_function_failed=failed))
        log.info("%s %s %d", self.command, urlsplit(self.path).path, status)

    def _answer(self, response: AMLResponse) -> None:
        self.send_response_only(response.status_code)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("x-ms-server-version", "azmlinfsrv/emulated")
        self.send_header("Content-Length", str(len(response.data)))
        self.end_headers()
        self.wfile.write(response.data)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


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


def _load(root: Path, entry: str) -> ScoreScript:
    """The script after its init(). Exits, with what happened in the log, when either fails."""
    try:
        script = ScoreScript(root / entry)
        log.info("Found user script at %s", root / entry)
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


def main() -> None:
    socket = Path(sys.argv[1])
    lifeline, announcement = _take_over_streams()
    threading.Thread(target=_die_with_the_emulator, args=(lifeline, socket), daemon=True).start()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
    )
    root, entry = Path(os.environ["AML_APP_ROOT"]), os.environ["AZUREML_ENTRY_SCRIPT"]
    sys.path.insert(0, str(root))
    Handler.script = _load(root, entry)
    Handler.specification = json.dumps(swagger(root, entry)).encode()
    socket.unlink(missing_ok=True)
    with Server(str(socket), Handler) as server:
        os.write(announcement, b"ready\n")
        os.close(announcement)
        log.info("Listening")
        server.serve_forever()


if __name__ == "__main__":
    main()
