"""The Dockerfile as data, and what of the checkout Docker would be sent."""

import json
import shlex
import shutil
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    word: str  # RUN, COPY, …
    text: str

    @property
    def variables(self) -> dict[str, str]:
        """Of an ENV."""
        return dict(pair.split("=", 1) for pair in shlex.split(self.text))

    @property
    def command(self) -> list[str]:
        """Of a CMD or ENTRYPOINT in its JSON form."""
        parsed: list[str] = json.loads(self.text)
        return parsed


@dataclass(frozen=True)
class Stage:
    """A stage with all that it is built on. ``image`` is the one that the first of these begins with."""

    name: str
    image: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]


def read_dockerfile() -> dict[str, Stage]:
    """Its stages by name, in order; the last is the default target."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, text = line.partition(" ")
        if word == "FROM":
            begun_with, as_, name = text.split()
            assert as_ == "AS", "every stage has a name"
            below = stages.get(begun_with)
            stage = Stage(name, below.image, list(below.instructions)) if below else Stage(name, begun_with)
            stages[name] = stage
        else:
            assert stage is not None
            stage.instructions.append(Instruction(word, text.strip()))
    return stages


def is_sent(path: PurePosixPath) -> bool:
    """Whether ``.dockerignore`` leaves it in the context."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    return not any(
        _matches(PurePosixPath(*path.parts[:depth]), each)
        for each in patterns
        for depth in range(1, len(path.parts) + 1)
    )


def copy_sent(source: str, target: Path) -> None:
    """What ``COPY source target`` copies: of a folder its content, and only what is in the context."""
    path = ROOT / source
    if path.is_file():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        return
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        if is_sent(PurePosixPath(file.relative_to(ROOT).as_posix())):
            copy = target / file.relative_to(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)


def _matches(path: PurePosixPath, pattern: str) -> bool:
    anywhere = pattern.removeprefix("**/")
    return fnmatch(path.name, anywhere) if anywhere != pattern else fnmatch(path.as_posix(), pattern)
