"""Score code as the SDK uploads it: what is digested and approved is what is deployed."""

from pathlib import Path
from typing import Any

# Private, and the only place where the SDK decides what it uploads: a copy of it would be a second reading.
from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder


def uploaded_files(folder: Path) -> list[tuple[str, Path]]:
    """Each file that is uploaded of a folder of code, by its relative posix path, without those that its ignore file leaves out.

    Raises ValueError for an ignore file that cannot be read.
    """
    # Declared as text; it is pairs of path and name.
    found: list[Any] = list(get_upload_files_from_folder(folder, ignore_file=get_ignore_file(folder)))
    return sorted((Path(name).as_posix(), Path(path)) for path, name in found)
