"""Where jobs are sent: the name of a cluster of the workspace, or serverless."""

import re

from emulator.errors import BadRequest
from emulator.state import Emulator

_ID = re.compile(r"(?:azureml:)?(?:.*/computes/)?(?P<name>[^/:]+)", re.I)
_SERVERLESS = "serverless"


def name_of(target: str | None) -> str | None:
    """The name in a compute's id; None for serverless."""
    match = _ID.fullmatch(target or "")
    return None if match is None or match["name"].lower() == _SERVERLESS else match["name"]


def check(azure: Emulator, workspace: str, target: str | None) -> None:
    """Raise BadRequest when a job is sent to a compute that is not there."""
    name = name_of(target)
    if name is not None and azure.store.get("workspaces", workspace, "computes", name) is None:
        raise BadRequest(f"Unable to find compute target '{name}' in workspace '{workspace}'.", code="UserError")
