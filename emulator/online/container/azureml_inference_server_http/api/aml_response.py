"""``AMLResponse``: how a score script answers with a status and headers of its own."""

import json
from collections.abc import Mapping
from typing import Any


class AMLResponse:
    """Same arguments as Azure's. ``message`` None answers ``{}``; ``json_str`` serialises the message."""

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        self.status_code = status_code
        if message is None or json_str:
            self.data = json.dumps({} if message is None else message).encode()
            content_type = "application/json"
        else:
            self.data = message if isinstance(message, bytes) else str(message).encode()
            content_type = "text/html; charset=utf-8"  # what Azure's server, being Flask, says
        self.headers: dict[str, str] = {
            "Content-Type": content_type,
            "x-ms-run-function-failed": str(run_function_failed),
            **(response_headers or {}),
        }
