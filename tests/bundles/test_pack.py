import os
import random
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from app.bundles.archive import archive_digest
from app.bundles.digest import content_digest
from app.bundles.limits import MAX_FILES, MAX_UNPACKED
from app.bundles.pack import files_of, folder_digest, pack
from app.bundles.unpack import unpack
from app.errors import Invalid, NotFound, TooLarge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "src").mkdir(parents=True)
    (folder / "release.yml").write_text("model: {}\n")
    (folder / "src" / "score.py").write_text("def init(): ...\n")
    (folder / "grüße.txt").write_text("ä")
    (folder / "empty").write_bytes(b"")
    return folder


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for name in sorted((path.relative_to(folder) for path in folder.rglob("*") if path.is_file()), reverse=True):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, copy / name)
        os.utime(copy / name, (1, 1))
        (copy / name).chmod(0o700)

    assert pack(copy) == pack(folder)


def test_unpacking_gives_what_was_packed(folder: Path, tmp_path: Path) -> None:
    unpack(pack(folder), tmp_path / "unpacked")

    assert (tmp_path / "unpacked" / "src" / "score.py").read_text() == "def init(): ...\n"
    assert content_digest(tmp_path / "unpacked") == content_digest(folder)


def test_caches_and_secrets_are_left_out(folder: Path) -> None:
    before = pack(folder)
    for name in (".git/config", "src/__pycache__/score.cpython-311.pyc", ".venv/bin/python", ".env", ".DS_Store"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")

    assert pack(folder) == before
    assert folder_digest(folder) == archive_digest(before)
    assert content_digest(folder) != folder_digest(folder)


def names_in(folder: Path, **options: Any) -> set[str]:
    return {name for name, _ in files_of(folder, **options)}


def test_what_is_ignored_is_neither_packed_nor_digested_nor_refused(folder: Path) -> None:
    (folder / "src" / ".amlignore").write_text("env/\n*.log\n")
    before = pack(folder), folder_digest(folder)

    (folder / "src" / "env" / "bin").mkdir(parents=True)
    (folder / "src" / "env" / "bin" / "python").symlink_to("/usr/bin/python3")
    (folder / "src" / "env" / "lib").symlink_to("/usr/lib")
    os.mkfifo(folder / "src" / "pipe.log")
    (folder / "src" / "deep").mkdir()
    (folder / "src" / "deep" / "secret.log").write_text("secret")

    assert (pack(folder), folder_digest(folder)) == before


def test_amlignore_wins_over_gitignore_of_the_same_folder(folder: Path) -> None:
    (folder / ".gitignore").write_text("*.txt\n")
    assert "grüße.txt" not in names_in(folder)

    (folder / ".amlignore").write_text("empty\n")
    assert names_in(folder) == {".amlignore", ".gitignore", "grüße.txt", "release.yml", "src/score.py"}


def test_the_inner_ignore_file_has_the_last_word(folder: Path) -> None:
    (folder / ".gitignore").write_text("*.bin\n")
    (folder / "src" / ".amlignore").write_text("!vocabulary.bin\n")
    for name in ("weights.bin", "src/vocabulary.bin", "src/weights.bin"):
        (folder / name).write_text("x")

    assert {name for name in names_in(folder) if name.endswith(".bin")} == {"src/vocabulary.bin"}


def test_a_link_that_is_ignored_by_its_own_name_is_not_refused(folder: Path) -> None:
    (folder / ".gitignore").write_text("data/\nother\n")
    (folder / "data").symlink_to("/usr/lib")
    (folder / "other").symlink_to("/etc/passwd")

    assert not {"data", "other"} & names_in(folder)


def test_what_is_named_is_kept_whatever_is_ignored(folder: Path) -> None:
    (folder / ".amlignore").write_text("*.yml\nenvironment/\n")
    (folder / "environment").mkdir()
    (folder / "environment" / "team.yml").write_text("x")
    (folder / "environment" / "other.yml").write_text("x")

    assert "release.yml" not in names_in(folder)
    assert {"release.yml", "environment/team.yml"} <= names_in(folder, keep=["release.yml", "environment/team.yml"])
    assert "environment/other.yml" not in names_in(folder, keep=["release.yml", "environment/team.yml"])


@pytest.mark.parametrize(
    ("content", "said"), [(b"a\n!\n", "line 2 is not a valid pattern: '!'"), (b"\xe4\n", "not text in UTF-8")]
)
def test_an_ignore_file_that_cannot_be_read_is_refused(content: bytes, said: str, folder: Path) -> None:
    (folder / "src" / ".amlignore").write_bytes(content)

    with pytest.raises(Invalid, match=rf"src/\.amlignore cannot be used: .*{said}"):
        pack(folder)


def test_a_link_inside_counts_as_its_file(folder: Path, tmp_path: Path) -> None:
    (folder / "alias.py").symlink_to("src/score.py")

    unpack(pack(folder), tmp_path / "unpacked")

    assert not (tmp_path / "unpacked" / "alias.py").is_symlink()
    assert (tmp_path / "unpacked" / "alias.py").read_text() == "def init(): ...\n"


def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (folder / "src" / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(Invalid, match="src/link is a link to a place outside"):
        pack(folder)


def test_a_linked_folder_is_refused(folder: Path) -> None:
    (folder / "again").symlink_to(folder / "src")

    with pytest.raises(Invalid, match="again is a link to a folder"):
        pack(folder)


def test_a_link_to_nothing_is_refused(folder: Path) -> None:
    (folder / "dangling").symlink_to("nothing")

    with pytest.raises(Invalid, match="dangling cannot be read"):
        pack(folder)


def test_a_socket_is_refused() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/socket")

        with pytest.raises(Invalid, match="socket is a socket, pipe or device"):
            pack(Path(short))


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)

    with pytest.raises(Invalid, match="has no files"):
        pack(tmp_path / "empty")


def test_no_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        pack(tmp_path / "nowhere")


def test_more_than_fits_unpacked_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(MAX_UNPACKED + 1)

    with pytest.raises(TooLarge, match="bytes unpacked"):
        pack(folder)


def test_more_than_fits_packed_is_refused(folder: Path) -> None:
    (folder / "noise").write_bytes(random.Random(1).randbytes(17 * 1024**2))  # noqa: S311 - noise, not a secret

    with pytest.raises(TooLarge, match="bytes packed"):
        pack(folder)


def test_too_many_files_are_refused(folder: Path) -> None:
    for number in range(MAX_FILES):
        (folder / f"file-{number}").touch()

    with pytest.raises(TooLarge, match="more than 2,000 files"):
        pack(folder)


def test_names_that_differ_in_case_only_are_refused(folder: Path) -> None:
    (folder / "Release.yml").write_text("x")
    if (folder / "release.yml").read_text() == "x":
        pytest.skip("this file system does not tell upper from lower case")

    with pytest.raises(Invalid, match="twice"):
        pack(folder)
