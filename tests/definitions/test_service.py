import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.bundles.archive import archive_digest
from app.bundles.pack import pack
from app.bundles.store import keep
from app.bundles.tables import Bundle
from app.database.connection import Database
from app.definitions.queries import get, latest, list_models, list_versions
from app.definitions.read import read_archive
from app.definitions.schema import Definition
from app.definitions.service import Applied, apply
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict, Invalid, NotFound
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from tests.definitions.conftest import change

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def put(database: Database, folder: Path, *, now: datetime = NOW, actor: str = "anna") -> Applied:
    return put_archive(database, pack(folder), now=now, actor=actor)


def put_archive(database: Database, archive: bytes, *, now: datetime = NOW, actor: str = "anna") -> Applied:
    definition = read_archive(archive)
    with UnitOfWork(database, Actor(actor, "api"), now=now).transaction() as work:
        return apply(
            work,
            definition,
            bundle_digest=keep(work, archive, digest=archive_digest(archive), now=now),
        )


def test_a_model_that_differs_in_case_only_is_refused(database: Database, folder: Path) -> None:
    put(database, folder)
    change(folder / "release.yml", "name: churn\n", "name: Churn\n")

    with pytest.raises(Conflict, match="already a model 'churn'") as refused:
        put(database, folder)

    assert refused.value.code == "model_name_taken"


def test_a_definition_is_applied_as_version_1(database: Database, folder: Path) -> None:
    applied = put(database, folder)

    assert applied.created
    with database.read() as session:
        stored = latest(session, "churn")
        assert (stored.version, stored.applied_by, stored.applied_at) == (1, "anna", NOW)
        assert stored.bundle_digest == archive_digest(pack(folder))
        assert session.get_one(Bundle, stored.bundle_digest).archive == pack(folder)
        assert Definition.model_validate(stored.content).stages[1].approval == "required"


def test_the_same_content_again_is_the_same_version(database: Database, folder: Path) -> None:
    first = put(database, folder)

    again = put(database, folder, now=NOW + timedelta(days=1), actor="ben")

    assert not again.created
    assert again.definition.id == first.definition.id
    assert again.definition.applied_by == "anna"


def test_other_content_is_the_next_version(database: Database, folder: Path) -> None:
    put(database, folder)
    change(folder / "src" / "score.py", "return raw_data", "return None")

    applied = put(database, folder)

    assert (applied.definition.version, applied.created) == (2, True)


def test_older_content_again_becomes_the_newest_version(database: Database, folder: Path) -> None:
    put(database, folder)
    change(folder / "src" / "score.py", "return raw_data", "return None")
    put(database, folder)
    change(folder / "src" / "score.py", "return None", "return raw_data")

    applied = put(database, folder)

    assert (applied.definition.version, applied.created) == (3, True)
    with database.read() as session:
        assert latest(session, "churn").bundle_digest == archive_digest(pack(folder))


def test_a_wrong_definition_leaves_nothing(database: Database, folder: Path) -> None:
    (folder / "golden.json").unlink()

    with pytest.raises(Invalid, match=r"golden\.json"):
        put(database, folder)

    with database.read() as session:
        assert session.exec(select(DefinitionVersion)).all() == []
        assert session.exec(select(Bundle.digest)).all() == []


def test_many_at_once_get_versions_without_gaps(database: Database, folder: Path) -> None:
    archives = []
    for number in range(4):
        (folder / "src" / "number.txt").write_text(str(number))
        archives.append(pack(folder))
    together, applied, broken = threading.Barrier(8), [], []

    def one(archive: bytes) -> None:
        together.wait()
        try:
            applied.append(put_archive(database, archive))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            broken.append(error)

    threads = [threading.Thread(target=one, args=(archive,)) for archive in archives * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert broken == []
    with database.read() as session:
        numbers = [version.version for version in list_versions(session, "churn")]
    created = sorted(each.definition.version for each in applied if each.created)
    assert created == sorted(numbers) == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4


def test_models_do_not_count_each_others_versions(database: Database, folder: Path) -> None:
    put(database, folder)
    change(folder / "src" / "score.py", "return raw_data", "return None")
    put(database, folder)
    change(folder / "release.yml", "name: churn\n", "name: another\n")
    put(database, folder)

    with database.read() as session:
        assert [(each.model, each.version) for each in list_models(session)] == [("another", 1), ("churn", 2)]
        assert latest(session, "churn").version == 2
        assert get(session, "churn", 1).version == 1


def test_nothing_applied_lists_no_models(database: Database) -> None:
    with database.read() as session:
        assert list_models(session) == []


def test_an_unknown_model_is_not_found_with_what_to_do(database: Database, folder: Path) -> None:
    put(database, folder)

    with database.read() as session:
        for ask in (latest, list_versions):
            with pytest.raises(NotFound, match=r"did you mean 'churn'\? Apply its folder") as missing:
                ask(session, "chrun", visible=None)
            assert missing.value.code == "model_not_found"
        with pytest.raises(NotFound, match=r"no model 'zzz'\. Apply"):
            get(session, "zzz", 1)


def test_an_unknown_version_is_not_found_with_those_that_are(database: Database, folder: Path) -> None:
    put(database, folder)

    with database.read() as session, pytest.raises(NotFound, match=r"no version 7\. Its only version is 1\."):
        get(session, "churn", 7)
