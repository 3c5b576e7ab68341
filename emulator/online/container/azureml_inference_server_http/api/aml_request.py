"""``rawhttp`` and the request that a score script decorated with it gets."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Run = TypeVar("Run", bound=Callable[..., Any])


class AMLRequest:
    """The parts of Flask's request that score scripts use."""

    def __init__(
        self, method: str, path: str, args: Mapping[str, list[str]], headers: Mapping[str, str], data: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.args = {name: values[0] for name, values in args.items()}
        self.headers = headers
        self.data = data

    def get_data(self, as_text: bool = False) -> bytes | str:
        return self.data.decode() if as_text else self.data

    def get_json(self) -> Any:
        return json.loads(self.data)


def rawhttp(run: Run) -> Run:
    """Mark ``run`` as one that takes the whole request instead of its body."""
    run.raw_http_requested = True  # type: ignore[attr-defined] # the mark is the contract with the scoring host
    return run
