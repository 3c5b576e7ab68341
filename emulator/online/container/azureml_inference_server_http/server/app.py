"""The Flask application around a score script: the addresses of Azure's inference server and its words."""

import logging
import os
import time
import traceback
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from ..api.aml_response import AMLResponse
from .user_script import BadInput, UnsupportedInput, UnsupportedMethod, UserScript

log = logging.getLogger("azmlinfsrv")


def build_app(script: UserScript, specification: dict[str, Any]) -> Flask:
    """``GET /`` for probes, ``/score``, ``GET /swagger.json``; anything else is refused as JSON."""
    app = Flask("azureml_inference_server_http", static_folder=None)

    @app.get("/")
    def probe() -> Response:
        return Response("Healthy")

    @app.get("/swagger.json")
    def describe() -> Response:
        if request.args.get("version", "2") not in ("2", "2.0"):
            return _failed(404, "This version of swagger is not supported. Supported versions: [2].")
        return AMLResponse(specification, 200, json_str=True)

    @app.route("/score", methods=["GET", "POST", "OPTIONS"], provide_automatic_options=False)
    def score() -> Response:
        return _score(script)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["x-ms-server-version"] = "azmlinfsrv/emulated"
        if request.path != "/":
            milliseconds = (time.perf_counter() - g.began) * 1000
            length = "N/A" if response.is_streamed else response.calculate_content_length()
            # Quoted: a path may hold a line break, and each request is one line of the log.
            path = request.full_path.rstrip("?").encode("unicode_escape").decode()
            log.info("%s %s %d %.3fms %s", request.method, path, response.status_code, milliseconds, length)
        return response

    app.register_error_handler(HTTPException, _refuse)
    app.register_error_handler(Exception, _break)
    return app


def _score(script: UserScript) -> Response:
    try:
        output, took = script.run(request)
    except UnsupportedInput as wrong:
        return _failed(415, str(wrong))
    except BadInput as wrong:
        return _failed(400, str(wrong))
    except UnsupportedMethod:
        return AMLResponse("", 200) if request.method == "OPTIONS" else _failed(405, "Method not allowed")
    except (SystemExit, KeyboardInterrupt):
        # Azure's worker ends here, without an answer, and another one is started.
        log.critical("run() ended the process: %s", traceback.format_exc())
        logging.shutdown()
        os._exit(1)
    except Exception:  # noqa: BLE001 - the team's code may raise anything; the caller gets Azure's sentence
        log.error("Encountered Exception: %s", traceback.format_exc())  # noqa: TRY400 - Azure's wording
        message = "An unexpected error occurred in scoring script. Check the logs for more info."
        return _failed(500, message, run_function_failed=True)
    # AMLResponse is a Response, too.
    response: Response = output if isinstance(output, Response) else AMLResponse(output, 200, json_str=True)
    if response.status_code >= 500:
        response.headers["x-ms-run-function-failed"] = "True"
    response.headers["x-ms-run-fn-exec-ms"] = f"{took:.3f}"
    return response


def _failed(status: int, message: str | None, *, run_function_failed: bool = False) -> Response:
    return AMLResponse({"message": message}, status, json_str=True, run_function_failed=run_function_failed)


def _refuse(error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _failed(error.code or 500, error.description)


def _break(_error: Exception) -> Response:
    """E.g. an output that JSON cannot hold."""
    log.error("Encountered Exception: %s", traceback.format_exc())
    return _failed(500, "An unexpected internal error occurred. Check the logs for more info.")
