"""What the Dockerfile promises, read from it."""

import tomllib
from pathlib import PurePosixPath

import pytest
from packaging.specifiers import SpecifierSet

from tests.image.dockerfile import ROOT, is_sent, read_dockerfile

BUILD, FINAL = read_dockerfile()


def test_default_command_is_the_api() -> None:
    (command,) = FINAL.all("CMD")

    assert command.command == ["mlrelease", "serve"]
    assert FINAL.all("ENTRYPOINT") == []


def test_nothing_runs_as_root() -> None:
    (user,) = FINAL.all("USER")
    (made,) = [each.text for each in FINAL.all("RUN") if "useradd" in each.text]

    assert f"--uid 10001 {user.text}" in made
    assert f"-o {user.text} /data" in made, "the user can write the data folder"
    words = [each.word for each in FINAL.instructions]
    assert words.index("USER") < words.index("CMD")
    assert "RUN" not in words[words.index("USER") :]


def test_final_stage_has_the_programs_and_nothing_that_built_them() -> None:
    assert [each.text for each in FINAL.all("COPY")] == ["--from=build /opt/mlrelease /opt/mlrelease"]
    assert FINAL.image == BUILD.image, "a virtual environment works with the Python that made it"


def test_base_image_has_a_python_that_the_package_supports() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = BUILD.image.partition(":")[2].partition("-")[0]

    assert SpecifierSet(package["requires-python"]).contains(f"{python}.0")


def test_everything_that_is_copied_is_in_the_context() -> None:
    sources = [source for each in BUILD.all("COPY") for source in each.text.split()[:-1]]

    assert sources
    missing = [source for source in sources if not (ROOT / source).exists() or not is_sent(PurePosixPath(source))]
    assert missing == []


def test_every_package_of_the_wheel_is_copied() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = package["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    sources = {source for each in BUILD.all("COPY") for source in each.text.split()[:-1]}

    assert set(wheel) <= sources
    assert {package["project"]["readme"], "pyproject.toml", "LICENSE"} <= sources


def test_dependencies_are_installed_by_hash_before_the_code_is_copied() -> None:
    steps = [each.text for each in BUILD.instructions if each.word in {"RUN", "COPY"}]
    locked = steps.index("uv pip install --require-hashes -r requirements.lock")

    assert locked < steps.index("app app") < steps.index("uv pip install --no-deps .")


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", ".mlrelease/mlrelease.db", ".env", "app/api/__pycache__/x.pyc", "tests/x.py"],
)
def test_what_is_private_or_useless_is_not_sent(path: str) -> None:
    assert not is_sent(PurePosixPath(path))


@pytest.mark.parametrize("path", ["app/main.py", "migrations/versions/0001_first_tables.py", "training/pipeline.yml"])
def test_what_is_needed_is_sent(path: str) -> None:
    assert (ROOT / path).exists()
    assert is_sent(PurePosixPath(path))
