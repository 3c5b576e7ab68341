"""Links that lead to the portal's question."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from app.approvals.links import VALID, Link, make_link, read_link, use_link
from app.database.connection import Database
from app.errors import Conflict, Invalid

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = ("n" * 40, "f" * 40)


def a_token(keys: tuple[str, ...] = KEYS, **more: str) -> str:
    asked = {"release_id": "churn-1", "stage": "prod", "plan_digest": "sha256:p", **more}
    url = make_link(keys, portal="https://portal.example/", answer="approve", now=NOW, **asked)  # type: ignore[arg-type] # texts
    assert url.startswith("https://portal.example/decide?token=")
    return parse_qs(urlsplit(url).query)["token"][0]


def read(database: Database, token: str, *, keys: tuple[str, ...] = KEYS, now: datetime = NOW) -> Link:
    with database.read() as session:
        return read_link(session, keys, token, now=now)


def use(database: Database, token: str) -> Link:
    return database.transact(lambda session: use_link(session, KEYS, token, actor="anna", now=NOW))


def test_link_says_which_answer_to_which_plan_is_meant(database: Database) -> None:
    link = read(database, a_token())
    assert (link.release_id, link.stage, link.plan_digest, link.answer) == ("churn-1", "prod", "sha256:p", "approve")
    assert link.expires_at == NOW + VALID


def test_reading_a_link_as_scanners_do_does_not_spend_it(database: Database) -> None:
    token = a_token()
    for _ in range(3):
        read(database, token)

    assert use(database, token).release_id == "churn-1"


def test_link_is_good_for_one_decision(database: Database) -> None:
    token = a_token()
    use(database, token)

    for again in (use, read):
        with pytest.raises(Conflict) as refused:
            again(database, token)
        assert refused.value.code == "link_used"
    assert use(database, a_token()).release_id == "churn-1", "another link is another one"


def test_decision_that_is_refused_leaves_the_link_unspent(database: Database) -> None:
    token = a_token()
    with database.write() as session:
        use_link(session, KEYS, token, actor="anna", now=NOW)
        session.rollback()

    use(database, token)


def test_link_expires(database: Database) -> None:
    with pytest.raises(Conflict) as refused:
        read(database, a_token(), now=NOW + VALID + timedelta(seconds=1))
    assert refused.value.code == "link_expired"


def test_link_by_a_former_key_is_good_until_the_key_is_taken_away(database: Database) -> None:
    token = a_token(keys=("f" * 40,))

    read(database, token)
    with pytest.raises(Invalid):
        read(database, token, keys=("n" * 40,))


@pytest.mark.parametrize("change", ["", "x", "W10.AAAA", "a" * 5000, "é", "."])
def test_forged_link_is_refused(database: Database, change: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(database, change)
    assert refused.value.code == "link_forged"


def test_link_that_was_changed_is_refused(database: Database) -> None:
    token, other = a_token(), a_token(release_id="churn-2")
    content, signature = other.split(".")[0], token.split(".")[1]
    with pytest.raises(Invalid):
        read(database, f"{content}.{signature}")
