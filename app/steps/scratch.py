"""Scratch folders for downloads: a new one for each attempt."""

import tempfile
from pathlib import Path

from app.steps.contract import Context


def new_folder(context: Context) -> Path:
    """An empty folder in the attempt's scratch."""
    return Path(tempfile.mkdtemp(dir=context.scratch))
