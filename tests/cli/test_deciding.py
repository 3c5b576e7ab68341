"""Nothing is decided that nobody was shown: `mlrelease approve` and `reject` at a terminal and in scripts."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.cli.exits import Exit
from app.cli.main import app
from app.settings import Settings
from tests.api.conftest import anna, churn, plain_logs, release, service, settings, worker
from tests.api.playing import as_json
from tests.api.serving import Served
from tests.cli.commands import command_of
from tests.cli.terminal import Session, at_terminal
from tests.instant import InstantWorker

__all__ = ["anna", "churn", "plain_logs", "release", "service", "settings", "worker"]

Type = Callable[..., Session]
Run = Callable[..., Result]

# Those that ask nobody: processes of their own, and what prints JSON, keys or a secret alone as it is.
WITHOUT_JSON = {"serve", "worker", "migrate", "audit export", "tokens first", "provenance get", "provenance keys"}


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


@pytest.fixture
def waiting(release: str, worker: InstantWorker) -> str:
    """A release whose plan for prod waits for somebody."""
    worker.prepare(release)
    worker.complete(release, "dev")
    return release


@pytest.fixture
def environment(service: Served, settings: Settings) -> dict[str, str]:
    return {"MLRELEASE_SERVER": service.url, "MLRELEASE_DATA": str(settings.data), "MLRELEASE_ACTOR": "zoe"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """As a script: without a terminal."""
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def typing(environment: dict[str, str]) -> Type:
    return lambda *arguments, **answers: at_terminal(*arguments, environment=environment, answers=answers["answers"])


@pytest.fixture
def prod(anna: httpx.Client, waiting: str) -> Callable[[], dict[str, Any]]:
    """The rollout that waits, as it is now."""
    return lambda: dict(as_json(anna.get(f"/v1/releases/{waiting}"))["rollouts"][1])


@pytest.mark.parametrize("answer", ["", "n", "no"])
def test_approve_shows_the_plan_and_decides_nothing_without_a_yes(
    typing: Type, waiting: str, prod: Callable[[], dict[str, Any]], answer: str
) -> None:
    seen = typing("approve", waiting, answers=[(f"Approve {waiting} for prod? [y/N]", answer)])

    assert seen.exit_status == Exit.REFUSED
    assert seen.shown.index(f"plan {prod()['plan_digest']}") < seen.shown.index("[y/N]")
    assert "No decision was recorded." in seen.shown
    assert (prod()["status"], prod()["decisions"]) == ("pending_approval", [])


def test_approve_at_a_terminal_after_a_yes(typing: Type, waiting: str, prod: Callable[[], dict[str, Any]]) -> None:
    seen = typing("approve", waiting, "--reason", "Good.", answers=[("[y/N]", "y")])

    assert seen.exit_status == Exit.FINE, seen.shown
    assert [(each["actor"], each["reason"]) for each in prod()["decisions"]] == [("zoe", "Good.")]


@pytest.mark.parametrize("more", [(), ("--reason", "Good."), ("prod",), ("--emergency", "--reason", "Now.")])
def test_script_that_does_not_say_which_plan_is_refused_with_what_to_add(
    run: Run, waiting: str, prod: Callable[[], dict[str, Any]], more: tuple[str, ...]
) -> None:
    refused, told = run("approve", waiting, *more), run("approve", waiting, *more, "--json")

    assert (refused.exit_code, told.exit_code) == (Exit.USAGE, Exit.USAGE)
    assert "add --yes, or --digest DIGEST" in " ".join(refused.stderr.split())
    assert refused.stdout == ""
    assert "--yes" in json.loads(told.stdout)["detail"]
    assert prod()["decisions"] == []


def test_json_asks_nobody_at_a_terminal_either(typing: Type, waiting: str, prod: Callable[[], dict[str, Any]]) -> None:
    for command in (("approve",), ("reject",)):
        seen = typing(*command, waiting, "--json", answers=[])
        assert seen.exit_status == Exit.USAGE
        assert json.loads(seen.shown)["code"] == "usage"
    assert prod()["decisions"] == []


def test_script_approves_the_plan_that_it_names(run: Run, waiting: str, prod: Callable[[], dict[str, Any]]) -> None:
    other = run("approve", waiting, "--digest", "sha256:" + "0" * 64, "--json")
    assert (other.exit_code, json.loads(other.stdout)["code"]) == (Exit.REFUSED, "plan_changed")
    assert prod()["decisions"] == []

    assert run("approve", waiting, "--digest", prod()["plan_digest"]).exit_code == Exit.FINE
    assert prod()["decisions"][0]["approve"] is True


def test_script_says_yes_to_whatever_the_plan_is(run: Run, waiting: str, prod: Callable[[], dict[str, Any]]) -> None:
    assert json.loads(run("approve", waiting, "--yes", "--json").stdout)["status"] == "queued"
    assert prod()["decisions"][0]["approve"] is True


def test_reject_shows_the_plan_and_asks_why_until_there_is_an_answer(
    typing: Type, waiting: str, prod: Callable[[], dict[str, Any]]
) -> None:
    seen = typing("reject", waiting, answers=[("Reason: ", " "), ("Reason: ", "Too slow.")])

    assert seen.exit_status == Exit.FINE, seen.shown
    assert f"plan {prod()['plan_digest']}" in seen.shown
    assert [(each["approve"], each["reason"]) for each in prod()["decisions"]] == [(False, "Too slow.")]


@pytest.mark.parametrize(
    "arguments", [("reject", "RELEASE"), ("hold", "churn"), ("freeze", "create", "--minutes", "5")]
)
def test_reason_that_nobody_can_be_asked_for_is_a_mistake_of_the_command_line(
    run: Run, waiting: str, prod: Callable[[], dict[str, Any]], arguments: tuple[str, ...]
) -> None:
    command = [waiting if each == "RELEASE" else each for each in arguments]

    refused, told = run(*command), run(*command, "--json")

    assert (refused.exit_code, told.exit_code) == (Exit.USAGE, Exit.USAGE)
    assert "add --reason TEXT" in refused.stderr
    assert "--reason" in json.loads(told.stdout)["detail"]
    assert prod()["status"] == "pending_approval"


def test_every_command_that_asks_the_service_takes_json() -> None:
    def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
        for name in group.commands:
            command = command_of(group, name)
            if hasattr(command, "commands"):
                yield from commands(command, (*path, name))
            else:
                yield " ".join((*path, name)), {option for each in command.params for option in each.opts}

    without = {name for name, options in commands(get_command(app)) if "--json" not in options}

    assert without == WITHOUT_JSON


def test_holds_are_ended_in_json(run: Run, churn: str) -> None:
    held = json.loads(run("hold", churn, "--reason", "Odd.", "--json").stdout)["id"]
    assert json.loads(run("unhold", churn, "--json").stdout) == {"ended": [held]}
