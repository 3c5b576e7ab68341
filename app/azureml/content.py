"""What was downloaded, as ``Content``."""

from pathlib import Path

from app.azureml.errors import NotFound
from app.azureml.types import Content
from app.bundles.digest import content_digest


def content_of(root: Path, *, asked_for: str) -> Content:
    """Everything under ``root``, or the one file that it is. Raises NotFound when there is nothing."""
    files = [root] if root.is_file() else [each for each in root.rglob("*") if each.is_file()]
    if not files:
        raise NotFound(f"Could not find {asked_for}: there is nothing.")
    return Content(
        root=root, digest=content_digest(root), files=len(files), size=sum(each.stat().st_size for each in files)
    )
