"""A training job from the checkout: the files that git tracks, so that what is trained is what the commit says."""

import gzip
import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from mlrelease_client.errors import Misused
from mlrelease_client.models import GitFacts

GIT_SECONDS = 60.0


def pack_tracked(folder: Path) -> bytes:
    """The folder's tracked files as .tar.gz, without what ``.amlignore`` leaves out. Raises Misused."""
    names = _names(folder, "--cached")
    left_out = _names(folder, "--cached", "--ignored", "--exclude-per-directory=.amlignore")
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in _contents(folder, sorted(names - left_out)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def git_facts(folder: Path) -> GitFacts:
    """Commit and author of the checkout, for the record. Raises Misused where there is none."""
    commit, _, author = _git(folder, "log", "-1", "--format=%H%n%an <%ae>").strip().partition("\n")
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD").strip()
    return GitFacts(
        commit=commit,
        author=author[:250] or None,
        branch=branch if branch != "HEAD" else None,  # CI checks out a commit
        dirty=bool(_git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")),
    )


def _names(folder: Path, *options: str) -> set[str]:
    return {name for name in _git(folder, "ls-files", "-z", *options).split("\0") if name}


def _contents(folder: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    if not names:
        raise Misused(f"git tracks no files in {folder}.")
    for name in names:
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise Misused(f"{path} is a link, or was deleted. What is submitted consists of files that git tracks.")
        yield name, path.read_bytes()


def _git(folder: Path, *command: str) -> str:
    # Nothing that the checkout's own configuration names is run.
    safe = [
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "log.showSignature=false",
        "--no-pager",
    ]
    try:
        said = subprocess.run(  # noqa: S603 # fixed words, in a folder that the pipeline named
            ["git", *safe, *command],  # noqa: S607 # the runner's own git
            cwd=folder,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as broken:
        told = (
            broken.stderr.decode(errors="replace").strip()
            if isinstance(broken, subprocess.CalledProcessError)
            else broken
        )
        raise Misused(f"{folder} is no git checkout that can be read: {told}") from broken
    return said.stdout.decode(errors="surrogateescape")
