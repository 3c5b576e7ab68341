"""What is uploaded of a definition that shares its score code with others."""

from pathlib import Path

import pytest

from app.bundles.unpack import unpack
from app.cli.packing import pack_definition
from app.definitions.read import read_archive, read_definition
from app.errors import Invalid
from tests.bundles.tars import tar_of
from tests.definitions.conftest import DEPLOYMENT, ENDPOINT, GOLDEN, RELEASE, SCORE


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two models in one repository; the code of one is shared with its training."""
    for model in ("churn", "fraud"):
        folder = tmp_path / "models" / model
        folder.mkdir(parents=True)
        (folder / "release.yml").write_text("root: ../..\n" + RELEASE.replace("name: churn\n", f"name: {model}\n"))
        (folder / "endpoint.yml").write_text(ENDPOINT)
        (folder / "deployment.yml").write_text(DEPLOYMENT.replace("./src", "../../src"))
        (folder / "golden.json").write_text(GOLDEN)
    (tmp_path / "src" / "shared").mkdir(parents=True)
    (tmp_path / "src" / "score.py").write_text(SCORE)
    (tmp_path / "src" / "shared" / "features.py").write_text("")
    (tmp_path / "src" / "local.log").write_text("")
    (tmp_path / "data.csv").write_text("1,2\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    return tmp_path


def test_the_definition_and_its_score_code_are_packed_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    packed, root = pack_definition(repository / "models" / "churn")

    unpack(packed, tmp_path / "unpacked")
    files = sorted(each.relative_to(tmp_path / "unpacked").as_posix() for each in (tmp_path / "unpacked").rglob("*.*"))
    assert root == repository
    assert files == [
        *(f"models/churn/{name}" for name in ("deployment.yml", "endpoint.yml", "golden.json", "release.yml")),
        "src/score.py",
        "src/shared/features.py",
    ]


def test_its_paths_begin_at_its_root(repository: Path) -> None:
    definition = read_archive(pack_definition(repository / "models" / "churn")[0])

    assert definition.model.name == "churn"
    assert (definition.endpoint, definition.deployment) == ("models/churn/endpoint.yml", "models/churn/deployment.yml")
    assert definition.checks.golden == "models/churn/golden.json"


def test_mistakes_name_the_files_from_there(repository: Path) -> None:
    (repository / "src" / "score.py").write_text("def init(): ...\n")

    with pytest.raises(Invalid) as wrong:
        read_archive(pack_definition(repository / "models" / "churn")[0])

    assert [str(each) for each in wrong.value.mistakes] == [
        "models/churn/deployment.yml:3: code_configuration.scoring_script: 'score.py' has no `run()`, which Azure ML calls"
    ]


def test_code_outside_of_the_root_is_refused_with_what_to_write(repository: Path) -> None:
    release = repository / "models" / "churn" / "release.yml"
    release.write_text(release.read_text().replace("root: ../..\n", ""))

    with pytest.raises(Invalid) as wrong:
        read_archive(pack_definition(repository / "models" / "churn")[0])

    (mistake,) = wrong.value.mistakes
    assert "is outside of the definition's folder: set `root`" in mistake.message


@pytest.mark.parametrize("root", ["src", "../other", "/", "../..x"])
def test_a_root_that_is_no_folder_around_it_is_refused(root: str, repository: Path) -> None:
    release = repository / "models" / "churn" / "release.yml"
    release.write_text(release.read_text().replace("root: ../..", f"root: {root}"))

    with pytest.raises(Invalid):
        read_archive(pack_definition(repository / "models" / "churn")[0])


def test_a_bundle_that_was_packed_from_elsewhere_says_so(repository: Path) -> None:
    with pytest.raises(Invalid) as wrong:
        read_definition(repository / "models" / "churn")

    assert "release.yml:1: root: is not the root of the bundle" in [
        str(each).rsplit(":", 1)[0] for each in wrong.value.mistakes
    ]


def test_two_definitions_in_one_bundle_are_refused() -> None:
    with pytest.raises(Invalid, match=r"a bundle has one definition: a/release\.yml, b/release\.yml"):
        read_archive(tar_of(("a/release.yml", b"x: 1"), ("b/release.yml", b"x: 1")))
