"""``.amlignore`` and ``.gitignore`` as Azure ML's upload reads them: the first wins, the last pattern that matches decides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.basic import GitIgnoreBasicPattern

from app.errors import Invalid

IGNORE_FILES = (".amlignore", ".gitignore")

_OF_NOTHING = re.compile(r"!?/(\*\*/)*")  # to the upload; all files to newer readers of patterns


@dataclass(frozen=True)
class IgnoreFile:
    """What one folder's file leaves out of all that lies in the folder."""

    folder: Path
    patterns: tuple[GitIgnoreBasicPattern, ...]

    def verdict(self, path: Path, *, is_folder: bool = False) -> bool | None:
        """True: left out. False: taken back. None: nothing is said of it."""
        name = path.relative_to(self.folder).as_posix()
        # A folder is told by its slash. Where a pattern matches a folder, it matches all that is in it.
        around = [f"{parent.as_posix()}/" for parent in PurePosixPath(name).parents if parent.name]
        tried = [f"{name}/" if is_folder else name, *around]
        for pattern in reversed(self.patterns):
            if any(pattern.match_file(each) is not None for each in tried):
                return bool(pattern.include)
        return None

    @property
    def takes_back(self) -> bool:
        """Whether it has exceptions: then a folder that is left out may hold files that are not."""
        return any(pattern.include is False for pattern in self.patterns)


def is_left_out(path: Path, rules: Sequence[IgnoreFile], *, is_folder: bool = False) -> bool:
    """By the ignore files of the folders around it, the outermost first: the innermost that says something decides."""
    said = (rule.verdict(path, is_folder=is_folder) for rule in reversed(rules))
    return next((verdict for verdict in said if verdict is not None), False)


def read_ignore_file(folder: Path, *, root: Path) -> IgnoreFile | None:
    """The folder's own, or None. Raises Invalid for a line that is no pattern; ``root`` is what it calls the file from."""
    file = next((folder / name for name in IGNORE_FILES if (folder / name).is_file()), None)
    if file is None:
        return None
    patterns: list[GitIgnoreBasicPattern] = []
    for number, line in enumerate(_lines(file, root=root), start=1):
        if _OF_NOTHING.fullmatch(line.strip()):
            continue
        try:
            pattern = GitIgnoreBasicPattern(line.strip())
        except (GitIgnorePatternError, ValueError, OverflowError) as wrong:
            raise _invalid(file, root, f"line {number} is not a valid pattern: {line.strip()!r}") from wrong
        if pattern.include is not None:
            patterns.append(pattern)
    return IgnoreFile(folder, tuple(patterns))


def _lines(file: Path, *, root: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as wrong:
        raise _invalid(file, root, "it is not text in UTF-8") from wrong
    except OSError as broken:
        raise _invalid(file, root, str(broken.strerror)) from broken


def _invalid(file: Path, root: Path, why: str) -> Invalid:
    return Invalid(
        f"{file.relative_to(root).as_posix()} cannot be used: {why}.",
        code="ignore_file_invalid",
        hint="Azure ML's upload reads it as git patterns, one per line.",
    )
