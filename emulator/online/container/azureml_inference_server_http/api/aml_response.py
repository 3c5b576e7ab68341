"""``AMLResponse``: how a score script answers with a status and headers of its own."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response


class AMLResponse(Response):
    """Flask's response with the arguments of Azure's. ``message`` None answers ``{}``; ``json_str`` serialises the message."""

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        given = response_headers or {}
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
            if "Content-Type" in given:
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, value in given.items():
            # Azure's server takes a comma for the end of a value, even in headers where it is none.
            for each in value.split(","):
                self.headers.add(name, each.strip())
