"""The audit from an event on that was noted: what it finds of what came since, and what only the whole audit finds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from app.cli.main import app
from tests.api.serving import Served
from tests.identity.conftest import As

Json = dict[str, Any]
Tamper = Callable[[str], None]


@pytest.fixture
def tamper(service: Served) -> Tamper:
    """SQL past the service."""

    def tamper(statement: str) -> None:
        with service.service.database.write() as session:
            session.connection().execute(text(statement))

    return tamper


def verdict(root: httpx.Client, noted: Json | None = None) -> Json:
    query = {} if noted is None else {"seq": noted["seq"], "hash": noted["hash"], "incremental": "true"}
    answer = root.get("/v1/audit/verify", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


@pytest.fixture
def noted(root: httpx.Client, planned: str) -> Json:
    assert planned
    found = verdict(root)
    assert (found["intact"], found["since"]) == (True, 0)
    return found


def test_what_came_since_is_verified(root: httpx.Client, holder: As, noted: Json, planned: str, tamper: Tamper) -> None:
    assert (verdict(root, noted)["intact"], verdict(root, noted)["since"]) == (True, noted["seq"])
    holder("viewer:churn", name="ci")
    assert root.post(f"/v1/releases/{planned}/cancel", json={"reason": "not now"}).is_success

    later = verdict(root, noted)
    assert later["intact"], later
    assert later["seq"] > noted["seq"]
    assert later == {**verdict(root), "since": noted["seq"]}

    tamper(f"UPDATE event SET actor = 'mallory' WHERE seq = {noted['seq'] + 1}")  # noqa: S608 - a number
    found = verdict(root, noted)
    assert (found["intact"], found["broken_at"], found["seq"]) == (False, noted["seq"] + 1, noted["seq"])


def test_what_was_noted_must_be_there(root: httpx.Client, noted: Json, tamper: Tamper) -> None:
    tamper(f"UPDATE event SET actor = 'mallory' WHERE seq = {noted['seq']}")  # noqa: S608 - a number
    assert verdict(root, noted)["broken_at"] == noted["seq"]

    found = verdict(root, {**noted, "hash": "0" * 64})
    assert (found["broken_at"], "not the event that was noted" in found["why"]) == (noted["seq"], True)
    assert verdict(root, {**noted, "seq": 1_000_000})["broken_at"] == 1_000_000


def test_what_was_changed_before_is_found_by_the_whole_audit_alone(
    root: httpx.Client, noted: Json, tamper: Tamper
) -> None:
    tamper("UPDATE event SET actor = 'mallory' WHERE seq = 2")

    assert verdict(root, noted)["intact"], "it says that it has not read that again"
    assert verdict(root)["broken_at"] == 2


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE api_token SET grants = '[]' WHERE name = 'ci'", "api_token"),
        ("UPDATE api_token SET revoked_at = NULL WHERE name = 'gone'", "not revoked in its row"),
        ("DELETE FROM api_token WHERE name = 'ci'", "token.created"),
        (
            "INSERT INTO api_token (id, hash, name, grants, created_by, created_at, expires_at) "
            "SELECT 'token-0', 'x', name, grants, created_by, created_at, expires_at FROM api_token WHERE name = 'ci'",
            "token-0",
        ),
    ],
)
def test_rows_that_were_made_since_are_compared(
    root: httpx.Client, holder: As, noted: Json, tamper: Tamper, statement: str, why: str
) -> None:
    holder("viewer:churn", name="ci")
    holder("viewer:churn", name="gone")
    gone = next(each["id"] for each in root.get("/v1/tokens").json()["items"] if each["name"] == "gone")
    assert root.post(f"/v1/tokens/{gone}/revoke").is_success
    assert verdict(root, noted)["intact"]

    tamper(statement)

    found = verdict(root, noted)
    assert not found["intact"]
    assert why in found["why"]


def test_it_needs_what_was_noted(root: httpx.Client) -> None:
    answer = root.get("/v1/audit/verify", params={"incremental": "true"})

    assert (answer.status_code, answer.json()["code"]) == (422, "anchor_missing")


def test_how_far_it_is_comes_in_lines_and_the_verdict_last(root: httpx.Client, noted: Json) -> None:
    answer = root.get("/v1/audit/verify", headers={"Accept": "application/x-ndjson"})

    *told, last = [json.loads(line) for line in answer.text.splitlines()]
    assert told[-1] == {"what": "events", "done": noted["seq"], "total": noted["seq"]}
    assert last == noted


def test_command_goes_on_from_what_its_file_notes(
    root: httpx.Client, holder: As, noted: Json, tamper: Tamper, tmp_path: Path
) -> None:
    file = tmp_path / "anchor"

    def verify(*options: str) -> Result:
        token = root.headers["Authorization"].removeprefix("Bearer ")
        variables = {"MLRELEASE_SERVER": str(root.base_url), "MLRELEASE_TOKEN": token}
        return CliRunner().invoke(app, ["audit", "verify", "--noted", str(file), *options], env=variables)

    assert f"intact: {noted['seq']} events" in verify().stdout
    assert file.read_text() == f"{noted['seq']}:{noted['hash']}\n"
    assert file.stat().st_mode & 0o077 == 0
    holder("viewer:churn", name="ci")

    again = verify()
    assert f"intact since event {noted['seq']}, which was noted: 1 new events" in again.stdout
    assert "--full does that" in again.stdout
    noted_now = file.read_text()

    tamper("UPDATE event SET actor = 'mallory' WHERE seq = 2")
    assert verify().exit_code == 0
    whole = verify("--full")
    assert (whole.exit_code, "event 2 was changed" in whole.stdout) == (1, True)
    assert file.read_text() == noted_now, "what is broken is not noted"

    file.write_text("nonsense")
    assert verify().exit_code == 2
