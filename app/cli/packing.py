"""The bundle of a definition: its folder, and its score code elsewhere if it declares a root."""

from pathlib import Path, PurePosixPath
from typing import Any

from app.bundles.pack import pack
from app.documents.yaml_lines import Document, read_yaml
from app.errors import Invalid

FILE = "release.yml"


def pack_definition(folder: Path) -> tuple[bytes, Path]:
    """The bundle, and the folder that the paths in it begin at.

    Without ``root`` that is the definition's own folder, all of it. With it only the definition's folder and its score code are
    packed: what else the root holds is no part of the model. Raises NotFound, Invalid or TooLarge.
    """
    release = read_yaml(folder / FILE, name=FILE)
    declared = release.section("root")
    if not isinstance(declared, str) or PurePosixPath(declared) == PurePosixPath("."):
        return pack(folder, keep=[FILE]), folder
    own = folder.resolve()
    root = (own / declared).resolve()
    if not own.is_relative_to(root):
        raise Invalid(f"{FILE}: root: {declared!r} is not a folder around the definition.", code="root_invalid")
    inside = own.relative_to(root)
    code = _code_folder(own, release)
    only = [inside, *([code.relative_to(root)] if code is not None and code.is_relative_to(root) else [])]
    names = [each.as_posix() for each in only]
    return pack(root, keep=[(inside / FILE).as_posix()], only=names), root


def _code_folder(folder: Path, release: Document) -> Path | None:
    """The score code's folder by the deployment's file; None if it cannot be read (the service reports why)."""
    name: Any = release.section("deployment") or "deployment.yml"
    if not isinstance(name, str):
        return None
    deployment = read_yaml(folder / name, name=name)
    code = deployment.section("code_configuration", "code")
    return ((folder / name).parent / code).resolve() if isinstance(code, str) else None
