"""What git says of the folder whose job is submitted, written on the job as ``mlrelease jobs submit`` has it written.

The SDK asks git as well: about the folder in which this process runs, for no author, and in properties that nobody may choose.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

GIT_SECONDS = 5.0
LONGEST = 250  # characters of one tag: Azure's hold 256

# Nothing that the checkout's own configuration names is run: no monitor, no hook, no pager, no signature program.
_SAFE = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "log.showSignature=false",
    "--no-pager",
)


class Said(NamedTuple):
    """Of a job: tags, and properties."""

    tags: dict[str, str]
    properties: dict[str, str]


def said_of(folder: Path) -> Said:
    """Commit, author, branch, and whether what is submitted differs from the commit; of no checkout, that there is no commit."""
    last = _git(folder, "log", "-1", "--format=%H%n%an <%ae>") or ""
    commit, _, author = last.partition("\n")
    # Without one of ours the SDK would record the commit of the folder in which this process runs.
    properties = {"mlflow.source.git.commit": commit}
    if not commit:
        return Said({}, properties)
    is_in_commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD:./") is not None  # not so where it is ignored
    is_dirty = not is_in_commit or _git(folder, "status", "--porcelain", "--", ".") != ""
    tags = {
        "author": author.strip()[:LONGEST],
        "branch": (_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or "")[:LONGEST],
        "dirty": str(is_dirty).lower(),
    }
    return Said({f"mlrelease.git.{name}": value for name, value in tags.items() if value}, properties)


def _git(folder: Path, *command: str) -> str | None:
    """What it says; None where it says no, or nothing in time."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        said = subprocess.run(  # noqa: S603 - fixed words, in a folder that the user named
            ["git", *_SAFE, *command],  # noqa: S607 - the user's own git
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.decode("utf-8", errors="replace").strip()
