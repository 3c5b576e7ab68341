"""The folder that a training job is submitted from, before it is: what it names must be in it."""

import tempfile
from pathlib import Path

from app.bundles.local_paths import require_local_paths
from app.bundles.unpack import unpack
from app.errors import Invalid
from app.jobs.service import Submission
from app.sandbox.sandbox import sandbox


def check_folder(archive: bytes, submission: Submission) -> None:
    """Raise Invalid with every mistake: a file that is not there, a path that leads out. Read in a child process."""
    sandbox.run(
        f"{__name__}:check_in_child",
        {"archive": archive, "files": [submission.entry, *submission.environments]},
        doing="read the folder",
    )


def check_in_child(archive: bytes, files: list[str]) -> None:
    """What ``check_folder`` has done."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve() / "bundle"
        unpack(archive, folder)
        missing = [name for name in files if not _is_in(folder, name)]
        if missing:
            raise Invalid(
                f"The bundle has no {', '.join(missing)}.",
                code="file_not_in_bundle",
                hint="Name files by their path inside the folder that was uploaded.",
            )
        require_local_paths(folder, files)


def _is_in(folder: Path, name: str) -> bool:
    path = folder / name
    return ".." not in path.parts and path.is_relative_to(folder) and path.is_file()
