import threading
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from app.bundles.archive import archive_digest
from app.bundles.store import keep, load
from app.bundles.tables import Bundle
from app.database.connection import Database
from app.errors import NotFound
from tests.bundles.tars import tar_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ARCHIVE = tar_of(("release.yml", b"model: {}\n"))


def test_what_is_kept_can_be_loaded(database: Database) -> None:
    with database.write() as session:
        digest = keep(session, ARCHIVE, digest=archive_digest(ARCHIVE), now=NOW)

    with database.read() as session:
        assert load(session, digest) == ARCHIVE
        kept = session.get_one(Bundle, digest)
        assert (kept.size, kept.created_at) == (len(ARCHIVE), NOW)
    assert digest == archive_digest(ARCHIVE)


def test_the_same_content_is_kept_once(database: Database) -> None:
    same = tar_of(("./release.yml", b"model: {}\n"))
    assert same != ARCHIVE

    with database.write() as session:
        first, again = (
            keep(session, ARCHIVE, digest=archive_digest(ARCHIVE), now=NOW),
            keep(session, same, digest=archive_digest(same), now=NOW),
        )

    assert first == again
    with database.read() as session:
        assert session.exec(select(Bundle.archive)).all() == [ARCHIVE]


def test_the_same_content_from_many_at_once_is_kept_once(database: Database) -> None:
    together, digests = threading.Barrier(6), []

    def one() -> None:
        together.wait()
        with database.write() as session:
            digests.append(keep(session, ARCHIVE, digest=archive_digest(ARCHIVE), now=NOW))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert digests == [archive_digest(ARCHIVE)] * 6
    with database.read() as session:
        assert len(session.exec(select(Bundle.digest)).all()) == 1


def test_an_unknown_digest_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="sha256:none"), database.read() as session:
        load(session, "sha256:none")
