import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from app.bundles.archive import archive_digest
from app.bundles.store import keep
from app.bundles.tables import Bundle
from app.bundles.unpacked import open_bundle
from app.database.connection import Database
from app.errors import Invalid, NotFound
from tests.bundles.tars import tar_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = [(f"src/part-{number}.py", b"x = 1\n" * 200) for number in range(200)]
OPEN = """
import sys
from pathlib import Path
from app.bundles.unpacked import open_bundle
from app.database.connection import Database
url, digest, cache = sys.argv[1:]
database = Database(url)
sys.stdin.readline()
folder = open_bundle(database, digest, cache=Path(cache))
print(len(list(folder.rglob("*.py"))))
"""


@pytest.fixture
def digest(database: Database) -> str:
    with database.write() as session:
        return keep(session, tar_of(*FILES), digest=archive_digest(tar_of(*FILES)), now=NOW)


def test_a_bundle_is_opened_and_stays_open(database: Database, digest: str, tmp_path: Path) -> None:
    folder = open_bundle(database, digest, cache=tmp_path / "cache")
    first = (folder / "src/part-0.py").stat()

    assert open_bundle(database, digest, cache=tmp_path / "cache") == folder
    assert (folder / "src/part-0.py").stat() == first
    assert len(list(folder.rglob("*.py"))) == 200


def test_an_open_bundle_needs_no_database(database: Database, digest: str, tmp_path: Path) -> None:
    folder = open_bundle(database, digest, cache=tmp_path)

    assert open_bundle(Database("sqlite:////nowhere/at/all.db"), digest, cache=tmp_path) == folder


@pytest.mark.parametrize("harm", ["edited", "added", "removed"])
def test_a_damaged_folder_is_made_anew(harm: str, database: Database, digest: str, tmp_path: Path) -> None:
    folder = open_bundle(database, digest, cache=tmp_path)
    match harm:
        case "edited":
            (folder / "src/part-7.py").write_text("x = 2\n")
        case "added":
            (folder / "src/more.py").write_text("x = 2\n")
        case "removed":
            (folder / "src/part-7.py").unlink()

    open_bundle(database, digest, cache=tmp_path)

    assert (folder / "src/part-7.py").read_bytes() == FILES[7][1]
    assert len(list(folder.rglob("*.py"))) == 200


def test_processes_that_open_at_once_all_get_it(database: Database, digest: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, database.url, digest, str(tmp_path / "cache")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert answers == ["200"] * 3
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.name != ".lock"] == [digest[7:]]


def test_an_archive_altered_in_the_database_is_refused(database: Database, digest: str, tmp_path: Path) -> None:
    with database.write() as session:
        session.execute(update(Bundle).values(archive=tar_of(("src/score.py", b"import os\n"))))

    with pytest.raises(Invalid, match="was changed"):
        open_bundle(database, digest, cache=tmp_path)


def test_an_unknown_bundle_is_not_found(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_bundle(database, "sha256:none", cache=tmp_path)
