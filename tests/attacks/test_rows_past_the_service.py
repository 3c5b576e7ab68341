"""Somebody who may write rows, and is not the service: their rows give no right, decide nothing, and are named by the audit."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select

from app.database.connection import Database
from app.events.chain import hash_of
from app.events.tables import Event
from app.identity.cookies import session_cookie
from app.identity.secrets import new_secret, new_token, secret_hash
from app.identity.tables import ApiToken, PortalSession
from app.releases.attested import ROW, row_digest
from app.releases.queries import get_rollout
from tests.api.playing import apply, approve, as_json, ask, definition
from tests.api.serving import Served
from tests.identity.conftest import As
from tests.instant import InstantWorker

pytestmark = pytest.mark.both_databases

NOW = datetime.now(UTC)


@pytest.fixture
def database(service: Served) -> Database:
    """As whoever has the database's password sees it."""
    return service.service.database


def write(database: Database, statement: str, **values: object) -> None:
    with database.write() as session:
        session.connection().execute(text(statement), values)


def audit(root: httpx.Client) -> tuple[bool, str]:
    verdict = as_json(root.get("/v1/audit/verify"))
    return verdict["intact"], verdict["why"] or ""


def add_token(database: Database) -> str:
    secret = new_token()
    fields: dict[str, Any] = {
        "id": f"token-{secrets.token_hex(4)}",
        "hash": secret_hash(secret),
        "name": "mallory",
        "grants": [{"role": "admin", "model": None}],
        "created_by": "root",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    with database.write() as session:
        session.add(ApiToken(**fields))
    return secret


def test_token_that_was_written_into_the_table_opens_nothing(
    root: httpx.Client, bearer: As, database: Database
) -> None:
    secret = add_token(database)

    answer = bearer(secret).get("/v1/tokens")

    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_on_record")
    intact, why = audit(root)
    assert not intact
    assert "api_token" in why


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("grants", json.dumps([{"role": "admin", "model": None}])),
        ("name", "root"),
        ("expires_at", "2031-01-01 00:00:00"),
    ],
)
def test_token_whose_row_was_changed_opens_nothing(
    root: httpx.Client, holder: As, database: Database, column: str, value: str
) -> None:
    viewer = holder("viewer:churn", name="ci")

    write(database, f"UPDATE api_token SET {column} = :value WHERE name = 'ci'", value=value)  # noqa: S608 - ours

    assert viewer.get("/v1/models").json()["code"] == "token_not_on_record"
    assert audit(root)[0] is False


@pytest.mark.usefixtures("root")
def test_token_that_takes_over_anothers_secret_opens_nothing(bearer: As, database: Database) -> None:
    secret = new_token()
    write(database, "UPDATE api_token SET hash = :hash WHERE name = 'root'", hash=secret_hash(secret))

    assert bearer(secret).get("/v1/tokens").status_code == 401


def test_token_that_was_revoked_stays_revoked(root: httpx.Client, holder: As, database: Database) -> None:
    ci = holder("viewer", name="ci")
    made = next(each for each in root.get("/v1/tokens").json()["items"] if each["name"] == "ci")
    assert root.post(f"/v1/tokens/{made['id']}/revoke").is_success

    write(database, "UPDATE api_token SET revoked_at = NULL, revoked_by = NULL WHERE name = 'ci'")

    assert ci.get("/v1/models").json()["code"] == "token_not_on_record"
    assert "not revoked in its row" in audit(root)[1]


@pytest.mark.usefixtures("root")
def test_event_that_was_changed_to_fit_a_row_is_not_believed(bearer: As, database: Database) -> None:
    secret = add_token(database)
    with database.write() as session:
        token = session.exec(select(ApiToken).where(ApiToken.name == "mallory")).one()
        event = session.get_one(Event, 1)
        event.subject, event.data = token.id, {ROW: row_digest(token)}
        event.hash = hash_of(event)  # and with it no longer what the head, or the event behind it, says
        session.add(event)

    assert bearer(secret).get("/v1/tokens").status_code == 401


def test_session_that_was_written_into_the_table_logs_nobody_in(
    service: Served, root: httpx.Client, database: Database
) -> None:
    secret = new_secret()
    with database.write() as session:
        session.add(
            PortalSession(
                id=secret_hash(secret),
                name="boris",
                issuer=service.service.access.issuers[0].url,
                claims={"sub": "boris"},
                created_at=NOW,
                expires_at=NOW + timedelta(hours=1),
            )
        )
    with httpx.Client(base_url=service.url, trust_env=False) as browser:
        answer = browser.get("/v1/models", headers={"Cookie": f"{session_cookie(service.service.settings)}={secret}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "session_not_on_record")
    assert "portal_session" in audit(root)[1]


VOTE = """
INSERT INTO decision (rollout_id, round, approve, emergency, actor, person, groups, via, reason, plan_digest, at)
VALUES (:rollout, 0, :approve, :emergency, :actor, :actor, '[]', 'api', 'x', :plan, :at)
"""


def vote_past_the_service(database: Database, release: str, actor: str, *, emergency: bool = False) -> None:
    with database.read() as session:
        plan = get_rollout(session, release, "prod").plan_digest
    write(
        database,
        VOTE,
        rollout=f"{release}:prod",
        approve=True,
        emergency=emergency,
        actor=actor,
        plan=plan,
        at=NOW.strftime("%Y-%m-%d %H:%M:%S.%f") if "sqlite" in database.url else NOW,
    )


@pytest.fixture
def for_two(root: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """A release that waits for two people before prod."""
    policy = {"count": 2, "self_approval": True, "break_glass": {"count": 2}}
    assert apply(root, definition(churn, approval=policy)).status_code == 201
    release: str = ask(root, model=churn)["id"]
    worker.prepare(release)
    worker.complete(release, "dev")
    return release


@pytest.mark.parametrize("emergency", [False, True])
def test_vote_that_was_written_into_the_table_is_none(
    root: httpx.Client, holder: As, database: Database, for_two: str, emergency: bool
) -> None:
    vote_past_the_service(database, for_two, "mallory", emergency=emergency)

    anna = holder("admin", name="anna")
    more: dict[str, Any] = {"emergency": True, "reason": "It burns."} if emergency else {}
    assert approve(anna, for_two, **more).is_success

    shown = as_json(root.get(f"/v1/releases/{for_two}"))
    assert shown["status"] == "pending_approval"
    assert [each["actor"] for each in shown["rollouts"][1]["decisions"]] == ["anna"]
    assert "decision" in audit(root)[1]


def test_vote_whose_row_was_changed_is_none(root: httpx.Client, holder: As, database: Database, for_two: str) -> None:
    assert approve(holder("admin", name="anna"), for_two).is_success
    write(database, "UPDATE decision SET actor = 'boris', person = 'boris'")

    assert approve(holder("admin", name="chen"), for_two).is_success

    assert as_json(root.get(f"/v1/releases/{for_two}"))["status"] == "pending_approval"
    assert audit(root)[0] is False


def test_vote_whose_row_is_gone_is_named_by_the_audit(
    root: httpx.Client, holder: As, database: Database, for_two: str
) -> None:
    assert approve(holder("admin", name="anna"), for_two).is_success
    assert audit(root) == (True, "")

    write(database, "DELETE FROM decision")

    intact, why = audit(root)
    assert not intact
    assert "approval.approved" in why


def test_definition_that_was_changed_in_the_table_is_not_released(
    root: httpx.Client, churn: str, database: Database
) -> None:
    with database.write() as session:
        content = session.exec(text("SELECT content FROM definition_version")).one()[0]  # type: ignore[call-overload]
        plain = json.loads(content) if isinstance(content, str) else content
        plain["stages"][1]["approval"] = "none"
        session.connection().execute(text("UPDATE definition_version SET content = :c"), {"c": json.dumps(plain)})

    answer = root.post("/v1/releases", json={"model": churn, "job": "job-1"})

    assert (answer.status_code, answer.json()["code"]) == (409, "definition_not_on_record")
    assert "definition_version" in audit(root)[1]
    assert apply(root, definition(golden_json='[{"request": {"data": [2]}, "expect": {"x": 1}}]')).is_success
    assert root.post("/v1/releases", json={"model": churn, "job": "job-1"}).status_code == 201


def test_plan_that_was_changed_in_the_table_is_not_approved(
    root: httpx.Client, holder: As, database: Database, for_two: str
) -> None:
    anna = holder("admin", name="anna")
    with database.read() as session:
        digest = get_rollout(session, for_two, "prod").plan_digest
    lax: dict[str, Any] = {
        "stage": "prod",
        "approval": {"count": 1, "self_approval": True},
        "steps": [],
        "replaces": None,
    }
    write(
        database, "UPDATE plan SET document = :document WHERE digest = :digest", document=json.dumps(lax), digest=digest
    )

    path = f"/v1/releases/{for_two}/rollouts/prod/approve"
    answer = anna.post(path, json={"plan_digest": digest})

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_not_on_record")
    assert digest in audit(root)[1]


def test_freeze_that_was_lifted_or_removed_in_the_table_is_named_by_the_audit(
    root: httpx.Client, database: Database
) -> None:
    assert root.post("/v1/freezes", json={"reason": "hold"}).is_success
    assert audit(root) == (True, "")

    write(database, 'UPDATE "freeze" SET deleted_by = created_by, deleted_at = created_at')
    assert "deleted in its row" in audit(root)[1]
    write(database, 'DELETE FROM "freeze"')
    assert "freeze.created" in audit(root)[1]


@pytest.mark.parametrize("statement", ["UPDATE webhook SET url = 'https://mallory.example'", "DELETE FROM webhook"])
def test_webhook_whose_row_was_changed_is_named_by_the_audit(
    root: httpx.Client, database: Database, statement: str
) -> None:
    made = as_json(root.post("/v1/webhooks", json={"url": "https://93.184.216.34/hook"}))
    other = as_json(root.post("/v1/webhooks", json={"url": "https://93.184.216.34/other"}))
    assert root.delete(f"/v1/webhooks/{other['id']}").is_success
    assert audit(root) == (True, "")

    write(database, statement)

    assert made["id"] in audit(root)[1]
