"""Room for downloads: a folder for each, since a step that is tried again finds what it left."""

import tempfile
from pathlib import Path

from app.steps.contract import Context


def new_folder(context: Context) -> Path:
    """An empty folder in the attempt's scratch."""
    return Path(tempfile.mkdtemp(dir=context.scratch))
