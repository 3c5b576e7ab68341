"""Git facts of a submitted folder. The service records them as the submitter's statement."""

import os
import subprocess
from pathlib import Path
from typing import Any

GIT_SECONDS = 5.0
LONGEST = 250  # characters of one fact: Azure's tags hold 256

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


def git_facts(folder: Path) -> dict[str, Any] | None:
    """Commit, branch, author, and whether what is submitted differs from the commit; None where there is no checkout or no git."""
    last = _git(folder, "log", "-1", "--format=%H%n%an <%ae>")
    if not last or "\n" not in last:
        return None
    commit, author = last.split("\n", 1)
    is_in_commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD:./") is not None  # not so where it is ignored
    return {
        "commit": commit,
        "author": author.strip()[:LONGEST],
        "branch": (_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or "")[:LONGEST] or None,
        "dirty": not is_in_commit or _git(folder, "status", "--porcelain", "--", ".") != "",
    }


def _git(folder: Path, *command: str) -> str | None:
    """The command's output; None where it fails or takes too long."""
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
