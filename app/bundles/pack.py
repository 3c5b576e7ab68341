"""A folder becomes an archive: the same files always give the same bytes."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from app.bundles.digest import files_digest
from app.bundles.ignoring import IgnoreFile, is_left_out, read_ignore_file
from app.bundles.limits import Paths, check_packed, check_unpacked
from app.errors import Invalid, NotFound

LEFT_OUT = frozenset(
    {
        ".DS_Store",
        ".env",  # secrets
        ".git",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "__pycache__",
        "node_modules",
    }
)
LEFT_OUT_SUFFIXES = (".pyc", ".pyo")


def pack(folder: Path, *, keep: Collection[str] = (), only: Collection[str] = (".",)) -> bytes:
    """The folder as .tar.gz. Raises NotFound, Invalid (links that lead out, special files, no files) or TooLarge.

    What a folder's ``.amlignore``, or else ``.gitignore``, leaves out is not in it, but for the files in ``keep``.
    ``only`` names the folders in it that are packed.
    """
    packed = io.BytesIO()
    size = 0
    # No time, no name and always the same level: nothing but the files decides the bytes. Neither do permissions:
    # Azure ML's own upload does not keep them.
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files_of(folder, keep=keep, only=only):
            content = path.read_bytes()
            size += len(content)
            check_unpacked(size)
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    check_packed(len(packed.getbuffer()))
    return packed.getvalue()


def folder_digest(folder: Path) -> str:
    """The digest of what a bundle of this folder would hold: caches and the like do not count."""
    return files_digest(files_of(folder))


def files_of(folder: Path, *, keep: Collection[str] = (), only: Collection[str] = (".",)) -> list[tuple[str, Path]]:
    """What belongs in a bundle, by relative posix path, sorted. Raises NotFound, Invalid or TooLarge."""
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.", code="folder_not_found")
    root = folder.resolve()
    paths, total = Paths(), 0
    found: list[tuple[str, Path]] = []
    for path in _walk(root, keep={root / name for name in keep}, only={root / name for name in only}):
        name = path.relative_to(root).as_posix()
        total += _size_of_file(path, name, root=root)
        check_unpacked(total)
        found.append((paths.add(name), path))
    if not found:
        raise Invalid(f"The folder {folder} has no files.", code="bundle_empty")
    return sorted(found)


def _walk(root: Path, *, keep: Collection[Path], only: Collection[Path]) -> Iterator[Path]:
    ignoring: dict[Path, tuple[IgnoreFile, ...]] = {}
    for name, folders, files in os.walk(root, onerror=_unreadable):
        folder = Path(name)
        own = read_ignore_file(folder, root=root)
        rules = (*ignoring.get(folder.parent, ()), *([own] if own is not None else []))
        ignoring[folder] = rules
        linked = [each for each in folders if not _left_out(each) and (folder / each).is_symlink()]
        folders[:] = [
            each
            for each in folders
            if not _left_out(each)
            and each not in linked
            and any(wanted.is_relative_to(folder / each) or (folder / each).is_relative_to(wanted) for wanted in only)
            and not _is_pruned(folder / each, rules, keep=keep)
        ]
        if not any(folder.is_relative_to(wanted) for wanted in only):
            continue  # on the way to what is wanted: only its ignore file counts
        found = [folder / each for each in linked if not is_left_out(folder / each, rules, is_folder=True)]
        found += [folder / each for each in files if not _left_out(each)]
        yield from (path for path in found if path in keep or not is_left_out(path, rules))


def _is_pruned(folder: Path, rules: Sequence[IgnoreFile], *, keep: Collection[Path]) -> bool:
    """Whether nothing in the folder can belong to the bundle: virtual environments are large."""
    if any(path.is_relative_to(folder) for path in keep):
        return False
    return not any(rule.takes_back for rule in rules) and is_left_out(folder, rules, is_folder=True)


def _left_out(name: str) -> bool:
    return name in LEFT_OUT or name.endswith(LEFT_OUT_SUFFIXES)


def _size_of_file(path: Path, name: str, *, root: Path) -> int:
    """Bytes of a file that may be bundled. A link counts as the file that it leads to."""
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise Invalid(
            f"{name} is a link to a place outside of the folder.",
            code="bundle_link_leads_out",
            hint="Copy the file into the folder.",
        )
    try:
        found = path.stat()
    except OSError as broken:
        raise Invalid(f"{name} cannot be read: {broken.strerror}.", code="bundle_file_unreadable") from broken
    if not stat.S_ISREG(found.st_mode):
        what = "a link to a folder" if stat.S_ISDIR(found.st_mode) else "a socket, pipe or device"
        raise Invalid(f"{name} is {what}. A bundle contains files only.", code="bundle_special_file")
    return found.st_size


def _unreadable(broken: OSError) -> None:
    raise Invalid(f"{broken.filename} cannot be read: {broken.strerror}.", code="bundle_file_unreadable") from broken
