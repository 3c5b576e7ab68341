"""Component reuse: a deterministic step with the same definition, inputs and settings is not run again."""

import hashlib
import json

from emulator.state import Emulator
from emulator.store import Document

# What makes two steps the same to Azure. Names, tags and where they run do not.
_COMPARED = ("command", "code", "environment", "variables", "inputs", "outputs")


def fingerprint(work: Document) -> str:
    """The same for works that must give the same outputs."""
    compared = {part: work[part] for part in _COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


def earlier(azure: Emulator, *, workspace: str, work: Document) -> Document | None:
    """The completed run whose outputs this work would only make again, if there is one."""
    if not work["deterministic"]:
        return None
    found = azure.store.get("workspaces", workspace, "reuse", fingerprint(work))
    return None if found is None else azure.store.get("workspaces", workspace, "jobs", found["run"])


def remember(azure: Emulator, run: Document) -> None:
    """Offer a completed run's outputs to later pipelines."""
    if run["work"]["deterministic"]:
        azure.store.put("workspaces", run["workspace"], "reuse", fingerprint(run["work"]), body={"run": run["name"]})
