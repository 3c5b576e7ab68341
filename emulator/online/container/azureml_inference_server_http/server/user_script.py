"""The team's score script and the way its ``run`` wants to be called."""

import functools
import importlib
import importlib.util
import inspect
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Request

log = logging.getLogger("azmlinfsrv.user_script")


class UnsuitableScript(Exception):
    """The file is no score script: it lacks ``init`` or ``run``, or ``run`` cannot be called."""


class BadInput(Exception):
    """The request's body is not what this script's ``run`` can be given."""


class UnsupportedInput(BadInput):
    """The body's media type is not what this script's ``run`` can be given."""


class UnsupportedMethod(Exception):
    """``run`` is given the bodies of POST requests and the parameters of GET requests only."""


class UserScript:
    """A score script. ``run`` is called by one request at a time, as in one worker of Azure's server."""

    def __init__(self, file: Path) -> None:
        """Import it. What the import raises comes through; UnsuitableScript when it cannot be served."""
        spec = importlib.util.spec_from_file_location("entry_module", file)
        if spec is None or spec.loader is None:
            raise UnsuitableScript(f"{file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules["entry_module"] = module  # pickles of the script's own classes look for it
        spec.loader.exec_module(module)
        for name in ("init", "run"):
            if not callable(getattr(module, name, None)):
                raise UnsuitableScript(f"User script at {file} does not have a {name}() function defined.")
        self.init: Callable[[], object] = module.init
        self._run: Callable[..., Any] = module.run
        self._one_at_a_time = threading.Lock()
        parameters = inspect.signature(self._run).parameters
        if any(each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) for each in parameters.values()):
            raise UnsuitableScript("run() cannot accept positional-only arguments, *args, or **kwargs.")
        self._wants_headers = "request_headers" in parameters
        self._inputs = {name: each.default for name, each in parameters.items() if name != "request_headers"}
        if not self._inputs:
            raise UnsuitableScript("run() needs to accept an argument for input data.")

    def run(self, request: Request) -> tuple[Any, float]:
        """What ``run`` returned and how many milliseconds it took.

        What it raises comes through; BadInput or UnsupportedMethod when it cannot be called.
        """
        arguments = self._arguments(request)
        if self._wants_headers:
            arguments["request_headers"] = dict(request.headers)
        with self._one_at_a_time:
            began = time.perf_counter()
            output = self._run(**arguments)
            return output, (time.perf_counter() - began) * 1000

    def _arguments(self, request: Request) -> dict[str, Any]:
        first = next(iter(self._inputs))
        if getattr(self._run, "raw_http_requested", False):
            return {first: request}
        if request.method not in ("GET", "POST"):
            raise UnsupportedMethod
        if self._is_schema_decorated():
            return self._members(_parameters(request) if request.method == "GET" else _json_object(request))
        if request.method == "GET":
            return {first: json.dumps(_parameters(request))}
        try:
            return {first: request.get_data().decode()}
        except UnicodeDecodeError as wrong:
            raise BadInput(f"Input cannot be decoded as UTF-8: {wrong}") from None

    def _members(self, body: dict[str, Any]) -> dict[str, Any]:
        arguments = {name: body.get(name, default) for name, default in self._inputs.items()}
        for name, value in arguments.items():
            if value is inspect.Parameter.empty:
                raise BadInput(f"A value is not provided for the {name!r} parameter.")
        return arguments

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one script a process, for as long as it lives
    def _is_schema_decorated(self) -> bool:
        if "inference_schema" not in sys.modules:
            return False
        util = importlib.import_module("inference_schema.schema_util")
        return bool(util.is_schema_decorated(self._run))


def _json_object(request: Request) -> dict[str, Any]:
    if not request.is_json:
        raise UnsupportedInput("Expects Content-Type to be application/json")
    try:
        body = json.loads(request.get_data())
    except ValueError as wrong:
        raise BadInput(f"POST body could not be decoded as JSON: {wrong}") from None
    if not isinstance(body, dict):
        raise BadInput("POST body should be a JSON dictionary.")
    return body


def _parameters(request: Request) -> dict[str, Any]:
    """The query's parameters, each value as the JSON that it is or else as text; a list where one is given twice."""
    values = {name: [_parsed(value) for value in request.args.getlist(name)] for name in request.args}
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
