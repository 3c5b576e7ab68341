"""The record shows when it was touched: whatever is done to its rows, the first broken link is named."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.database.connection import Database
from tests.api.serving import Served
from tests.identity.conftest import As

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


@pytest.fixture
def database(service: Served) -> Database:
    return service.service.database


@pytest.fixture
def tamper(database: Database) -> Callable[..., None]:
    """SQL past the service."""

    def tamper(*statements: str) -> None:
        with database.write() as session:
            for statement in statements:
                session.connection().execute(text(statement))

    return tamper


def verdict(root: httpx.Client, **query: Any) -> Json:
    answer = root.get("/v1/audit/verify", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


ROW = "at, kind, model, release_id, subject, actor, via, request_id, data, previous, hash"

TAMPERED = {
    "actor": (["UPDATE event SET actor = 'mallory' WHERE seq = 3"], 3),
    "via": (["UPDATE event SET via = 'portal' WHERE seq = 3"], 3),
    "request_id": (["UPDATE event SET request_id = 'x' WHERE seq = 2"], 2),
    "moment": (["UPDATE event SET at = '2020-01-01 00:00:00' WHERE seq = 4"], 4),
    "data": (["""UPDATE event SET data = '{"reason": "fine"}' WHERE seq = 4"""], 4),
    "hash": (["UPDATE event SET hash = 'x' WHERE seq = 4"], 4),
    "deleted_first": (["DELETE FROM event WHERE seq = 1"], 1),
    "deleted_in_the_middle": (["DELETE FROM event WHERE seq = 3"], 3),
    "renumbered_over_the_gap": (["DELETE FROM event WHERE seq = 3", "UPDATE event SET seq = 3 WHERE seq = 4"], 3),
    "inserted_behind_the_end": (
        [f"INSERT INTO event (seq, {ROW}) SELECT (SELECT max(seq) + 1 FROM event), {ROW} FROM event WHERE seq = 2"],  # noqa: S608 # our words
        0,
    ),
    "inserted_before_the_beginning": ([f"INSERT INTO event (seq, {ROW}) SELECT 0, {ROW} FROM event WHERE seq = 2"], 1),  # noqa: S608
    "reordered": (
        [
            "UPDATE event SET seq = 1000000 WHERE seq = 2",
            "UPDATE event SET seq = 2 WHERE seq = 3",
            "UPDATE event SET seq = 3 WHERE seq = 1000000",
        ],
        2,
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.usefixtures("planned")
def test_first_broken_link_is_named(root: httpx.Client, tamper: Callable[..., None], how: str) -> None:
    before = verdict(root)
    assert before["intact"], before
    statements, broken_at = TAMPERED[how]

    tamper(*statements)

    found = verdict(root)
    assert not found["intact"]
    assert found["broken_at"] == (broken_at or before["seq"] + 1), found["why"]


@pytest.mark.usefixtures("planned")
def test_end_that_was_cut_off_is_seen(root: httpx.Client, tamper: Callable[..., None]) -> None:
    end = verdict(root)["seq"]

    tamper(f"DELETE FROM event WHERE seq > {end - 2}")  # noqa: S608 # a number

    found = verdict(root)
    assert (found["intact"], found["broken_at"]) == (False, end - 1)


@pytest.mark.usefixtures("planned")
def test_end_that_was_cut_off_together_with_the_head_is_seen_by_what_was_noted(
    root: httpx.Client, tamper: Callable[..., None]
) -> None:
    noted = verdict(root)
    end = noted["seq"] - 2
    tamper(
        f"DELETE FROM event WHERE seq > {end}",  # noqa: S608 # a number
        f"UPDATE event_head SET seq = {end}, hash = (SELECT hash FROM event WHERE seq = {end})",  # noqa: S608
    )

    assert verdict(root)["intact"], "all that is left is in order"
    found = verdict(root, seq=noted["seq"], hash=noted["hash"])

    assert (found["intact"], found["broken_at"]) == (False, noted["seq"])


@pytest.mark.usefixtures("planned")
def test_export_holds_every_event_with_all_that_its_hash_covers(root: httpx.Client) -> None:
    lines = [json.loads(line) for line in root.get("/v1/audit/export").text.splitlines()]

    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == verdict(root)["seq"]
    assert [line["previous"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert {"actor", "via", "request_id", "data", "at", "model", "release", "subject", "kind"} <= set(lines[0])


@pytest.mark.usefixtures("planned")
def test_export_is_filtered(root: httpx.Client, holder: As) -> None:
    def export(client: httpx.Client = root, **query: Any) -> list[Json]:
        return [json.loads(line) for line in client.get("/v1/audit/export", params=query).text.splitlines()]

    whole = export()
    middle = whole[3]["at"]

    assert [each["seq"] for each in export(since=middle)] == [each["seq"] for each in whole if each["at"] >= middle]
    assert [each["seq"] for each in export(until=middle)] == [each["seq"] for each in whole if each["at"] < middle]
    assert {each["model"] for each in export(model="churn")} == {"churn"}
    assert {each["model"] for each in export(holder("viewer:churn"))} == {"churn"}
    assert export(model="nothing") == []


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "now"]
)
def test_moment_that_is_none_is_refused_before_the_export_begins(root: httpx.Client, moment: str) -> None:
    for name in ("since", "until"):
        assert root.get("/v1/audit/export", params={name: moment}).status_code == 422


@pytest.mark.usefixtures("planned")
def test_audit_works_beside_the_database(database: Database, tamper: Callable[..., None], tmp_path: Path) -> None:
    def offline() -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MLRELEASE_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        }
        return subprocess.run(
            [sys.executable, "-m", "app.releasing.auditing"],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (whole := offline()).returncode == 0, whole.stderr
    tamper("UPDATE event SET actor = 'mallory' WHERE seq = 3")
    broken = offline()

    assert broken.returncode == 1
    assert "event 3 was changed" in broken.stdout


def test_exactly_one_place_writes_an_event() -> None:
    """Calls of ``Event(…)`` and SQL on its table, in all of the code."""
    writers = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "app").rglob("*.py"))
        if any(map(_writes_event, ast.walk(ast.parse(file.read_text()))))
    ]

    assert writers == ["app/events/work.py"]


def _writes_event(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called == "Event":
        return not isinstance(node.func, ast.Attribute)  # asyncio.Event and threading.Event are others
    about = any(isinstance(each, ast.Name) and each.id in {"Event", "EventHead"} for each in node.args)
    return called in {"insert", "update", "delete"} and about


def test_tokens_are_listed_in_pages_without_gap_or_repetition(root: httpx.Client, holder: As) -> None:
    for _ in range(5):
        holder("viewer:churn")
    whole = [each["id"] for each in root.get("/v1/tokens").json()["items"]]

    pages, cursor = [], None
    while page := root.get("/v1/tokens", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json():
        pages += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert len(whole) >= 5
    assert pages == whole
    assert root.get("/v1/tokens", params={"cursor": "x"}).json()["code"] == "cursor_invalid"
