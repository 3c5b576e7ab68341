import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bundles.archive import archive_digest
from app.bundles.digest import Entry, content_digest, digest_of, entry_of
from app.bundles.limits import MAX_FILES, MAX_UNPACKED
from app.bundles.pack import pack
from app.bundles.unpack import unpack
from app.errors import Invalid, MlreleaseError, TooLarge
from tests.bundles.tars import bomb, header_bomb, names, special, tar_of

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
# printf 'model.pkl\0003\000<the line above>\n' | sha256sum
DOCUMENTED = "sha256:79af10cab1ec6b2c33116d40f5a3d26c429cbdd0a91b005deb2d75d5f1210e3f"
FINE = ("release.yml", b"model: {}\n")


def refusal_of(archive: bytes, tmp_path: Path) -> MlreleaseError:
    """The refusal; nothing may have been written, neither there nor beside it."""
    with pytest.raises(MlreleaseError) as refused:
        unpack(archive, tmp_path / "in" / "bundle")
    assert list((tmp_path / "in").iterdir()) == []
    with pytest.raises(type(refused.value)):
        archive_digest(archive)
    return refused.value


@pytest.mark.parametrize(
    "name",
    ["../out", "a/../../out", "/etc/out", "a\\..\\out", "C:/out", "..", "a/.."],
)
def test_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    refused = refusal_of(tar_of(FINE, (name, b"x")), tmp_path)

    assert refused.code == "bundle_path_unsafe"
    assert not list(tmp_path.rglob("out"))


def test_a_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tar_of(FINE, special("../up", tarfile.DIRTYPE)), tmp_path).code == "bundle_path_unsafe"


@pytest.mark.parametrize("name", ["line\nbreak", "bell\a", "n" * 256, "/".join(["deep"] * 300)])
def test_a_name_that_not_every_disk_takes_is_refused(name: str, tmp_path: Path) -> None:
    assert refusal_of(tar_of(FINE, (name, b"x")), tmp_path).code == "bundle_path_unusable"


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "release.yml"),
        (tarfile.LNKTYPE, "release.yml"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CONTTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_links_and_special_files_are_refused(kind: bytes, target: str, tmp_path: Path) -> None:
    assert refusal_of(tar_of(FINE, special("odd", kind, target=target)), tmp_path).code == "bundle_special_file"


@pytest.mark.parametrize("again", ["release.yml", "./release.yml", "RELEASE.yml", ".//release.yml"])
def test_the_same_file_twice_is_refused(again: str, tmp_path: Path) -> None:
    assert refusal_of(tar_of(FINE, (again, b"other")), tmp_path).code == "bundle_duplicate_path"


@pytest.mark.parametrize("order", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "A")])
def test_a_file_that_is_a_folder_too_is_refused(order: tuple[str, str], tmp_path: Path) -> None:
    archive = tar_of(*((name, b"x") for name in order))

    assert refusal_of(archive, tmp_path).code == "bundle_duplicate_path"


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"not a tar",
        b"\x1f\x8b",
        b"\x1f\x8bnonsense that only begins like gzip",
        tar_of(FINE)[:-12],
        tar_of(FINE, ("big", bytes(range(256)) * 400))[:300],
    ],
)
def test_what_is_no_archive_is_refused(archive: bytes, tmp_path: Path) -> None:
    assert refusal_of(archive, tmp_path).code == "bundle_unreadable"


def test_a_tar_that_is_not_compressed_is_refused(tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))

    assert refusal_of(plain.getvalue(), tmp_path).code == "bundle_unreadable"


def test_an_archive_without_files_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tar_of(special("folder", tarfile.DIRTYPE)), tmp_path).code == "bundle_empty"


@pytest.mark.parametrize("archive", [bomb(unpacked=MAX_UNPACKED + 1), bomb(unpacked=2**30)])
def test_a_file_that_swells_is_refused_unread(archive: bytes, tmp_path: Path) -> None:
    assert len(archive) < 2 * 1024**2

    assert isinstance(refusal_of(archive, tmp_path), TooLarge)


def test_a_header_that_swells_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    archive = header_bomb(header=2**28)
    tracemalloc.start()
    try:
        refused = refusal_of(archive, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(refused, TooLarge)
    assert peak < 3 * MAX_UNPACKED


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    assert isinstance(refusal_of(tar_of(*names(MAX_FILES + 1)), tmp_path), TooLarge)


def test_too_many_folders_are_refused(tmp_path: Path) -> None:
    folders = [special(f"folder-{number}", tarfile.DIRTYPE) for number in range(2 * MAX_FILES + 1)]

    assert isinstance(refusal_of(tar_of(*folders), tmp_path), TooLarge)


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("precious")

    with pytest.raises(FileExistsError):
        unpack(tar_of(FINE), tmp_path / "mine")

    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "file"]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_another_tar_of_the_same_files_has_the_same_digest(format: int, tmp_path: Path) -> None:  # noqa: A002 - tarfile's word
    (tmp_path / "folder" / "src").mkdir(parents=True)
    (tmp_path / "folder" / "release.yml").write_bytes(FINE[1])
    (tmp_path / "folder" / "src" / "score.py").write_bytes(b"x")
    other = tar_of(
        special("./", tarfile.DIRTYPE),
        special("./src", tarfile.DIRTYPE),
        ("./src/score.py", b"x"),
        ("./release.yml", FINE[1]),
        format=format,
    )

    unpack(other, tmp_path / "unpacked")

    assert other != pack(tmp_path / "folder")
    assert archive_digest(other) == archive_digest(pack(tmp_path / "folder"))
    assert content_digest(tmp_path / "unpacked") == archive_digest(other)


def test_the_digest_is_the_documented_one(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"abc")

    assert content_digest(tmp_path) == content_digest(tmp_path / "model.pkl")
    assert content_digest(tmp_path) == digest_of([Entry("model.pkl", 3, ABC)])
    assert content_digest(tmp_path) == DOCUMENTED


def test_content_name_and_place_all_count() -> None:
    one = [entry_of("a", b"1"), entry_of("b", b"2")]

    assert digest_of(one) == digest_of(reversed(one))
    assert len({digest_of(one), digest_of([entry_of("a", b"2"), entry_of("b", b"1")]), digest_of(one[:1])}) == 3


@settings(max_examples=150, deadline=None)
@given(position=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255), cut=st.booleans())
def test_a_damaged_archive_is_refused_or_gives_the_same(position: int, flip: int, cut: bool) -> None:
    archive = bytearray(tar_of(FINE, ("src/score.py", b"def run(): ...\n" * 50)))
    position %= len(archive)
    archive[position] ^= flip
    damaged = bytes(archive[:position]) if cut else bytes(archive)

    try:
        digest = archive_digest(damaged)
    except (Invalid, TooLarge):
        return
    assert digest == archive_digest(tar_of(FINE, ("src/score.py", b"def run(): ...\n" * 50)))
