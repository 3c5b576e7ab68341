"""The images without Docker: a build stage's instructions carried out in order, in folders of the test."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

from tests.image.dockerfile import Instruction, Stage, copy_sent, read_dockerfile

INSTALLED = "/opt/mlrelease"  # what the final stage takes from the build
DATA = "/data"


@dataclass(frozen=True)
class Image:
    """What the final stage would hold."""

    programs: Path  # stands for /opt/mlrelease
    data: Path  # stands for /data
    home: Path
    built: float  # when; seconds since 1970
    environment: dict[str, str]
    command: list[str]
    health_check: list[str]

    def written(self) -> list[Path]:
        """What programs would have written to the image's own file system, which is read-only in a container."""
        files = (each for folder in (self.programs, self.home) for each in folder.rglob("*") if each.is_file())
        return [each for each in files if each.stat().st_mtime > self.built]

    def run(self, *command: str, **variables: str) -> str:
        """What a program prints; fails the test when it ends with anything but 0."""
        ended = subprocess.run(
            [self._program(command[0]), *command[1:]],
            cwd=self.data,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @contextmanager
    def running(self, *command: str, log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program that goes on until the end of the ``with``."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._program(command[0]), *command[1:]],
                cwd=self.data,
                env={**self.environment, **variables},
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _program(self, name: str) -> str:
        return str(self.programs / "bin" / name)


def build(folder: Path, *, target: str) -> Image:
    """Build the target in ``folder``: the stage whose programs it takes, then what it starts."""
    final = read_dockerfile()[target]
    (taken,) = [each.text for each in final.all("COPY")]
    programs_of = taken.split()[0].removeprefix("--from=")
    work, programs, data = folder / "work", folder / "programs", folder / "data"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    at = work
    for instruction in read_dockerfile()[programs_of].instructions:
        match instruction.word:
            case "ENV":
                environment |= {
                    name: text.replace(INSTALLED, str(programs)) for name, text in instruction.variables.items()
                }
            case "WORKDIR":
                at = work / instruction.text.strip("/")
                at.mkdir(parents=True)
            case "COPY":
                *sources, target = instruction.text.split()
                for source in sources:
                    copy_sent(source, at / target)
            case "RUN" if instruction.text.startswith("pip install"):
                _require_installed(instruction)
            case "RUN":
                command = shlex.split(instruction.text.replace(INSTALLED, str(programs)))
                if command[:2] == ["uv", "venv"]:
                    command += ["--python", sys.executable]  # stands for the base image's
                ended = subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)
                assert ended.returncode == 0, f"{instruction.text}\n{ended.stderr}"
            case word:
                raise AssertionError(f"the test does not know how to do {word} {instruction.text}")
    data.mkdir()
    (home := folder / "home").mkdir()
    return Image(
        programs=programs,
        data=data,
        home=home,
        built=time.time(),
        environment=_environment(final, programs, data, home=home),
        command=final.all("CMD")[0].command,
        health_check=Instruction("CMD", final.all("HEALTHCHECK")[0].text.partition("CMD ")[2]).command,
    )


def _environment(final: Stage, programs: Path, data: Path, *, home: Path) -> dict[str, str]:
    """Of the final stage, and nothing else."""
    environment = {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8"}
    for instruction in final.all("ENV"):
        for name, text in instruction.variables.items():
            here = text.replace(INSTALLED, str(programs)).replace("$PATH", environment["PATH"])
            environment[name] = str(data) if here == DATA else here
    return environment


def _require_installed(instruction: Instruction) -> None:
    """The tool that the base image gets is the one that this test uses."""
    for word in shlex.split(instruction.text)[2:]:
        if not word.startswith("-"):
            wanted = Requirement(word)
            assert wanted.specifier.contains(version(wanted.name)), f"{wanted} is not what is installed here"
