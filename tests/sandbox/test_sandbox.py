"""Tasks in child processes: what they give, what they may not, and how they end."""

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.errors import Conflict, Invalid, Mistake, TooLarge, Unavailable
from app.sandbox.limits import Limits
from app.sandbox.refusals import Broke, TooCostly
from app.sandbox.sandbox import HANDED_ON, Sandbox
from emulator.identity import Principal
from emulator.running import environment
from tests.processes import wait_until_ended

TASKS = "tests.sandbox.tasks"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def test_gives_json_and_bytes(sandbox: Sandbox) -> None:
    assert sandbox.run(f"{TASKS}:add", {"left": 1, "right": 2}) == 3
    assert sandbox.run(f"{TASKS}:reverse", {"content": b"ab" * 2**22}) == b"ba" * 2**22


def test_refusals_come_back_as_themselves(sandbox: Sandbox) -> None:
    with pytest.raises(Invalid) as no:
        sandbox.run(f"{TASKS}:refuse")
    assert (type(no.value), no.value.code, no.value.hint) == (Invalid, "no_way", "Try.")
    assert no.value.mistakes == (Mistake("is wrong", file="a.yml", line=3),)
    assert str(no.value) == "No. Try."
    with pytest.raises(Conflict) as taken:
        sandbox.run(f"{TASKS}:refuse_with_details")
    assert taken.value.details == {"by": "ada"}


@pytest.mark.parametrize(
    ("task", "limits"),
    [
        ("spin", Limits(cpu_seconds=1)),
        ("spin", Limits(wall_seconds=0.3)),
        ("hang", Limits(wall_seconds=0.3)),
        ("fill_memory", Limits()),
        ("fall", Limits()),
        ("say_much", Limits()),
    ],
)
def test_beyond_its_limits_it_is_refused(sandbox: Sandbox, task: str, limits: Limits) -> None:
    with pytest.raises(TooCostly) as much:
        sandbox.run(f"{TASKS}:{task}", limits=limits, doing="read it")
    assert isinstance(much.value, TooLarge)
    assert much.value.sentence.startswith("Could not read it: ")


@pytest.mark.parametrize("task", ["crash", "surprise"])
def test_a_child_that_breaks_is_a_refusal(sandbox: Sandbox, task: str) -> None:
    with pytest.raises(Broke):
        sandbox.run(f"{TASKS}:{task}")
    assert sandbox.run(f"{TASKS}:add", {"left": 1, "right": 2}) == 3


def test_it_reads_only_what_it_was_given(sandbox: Sandbox, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "file.txt").write_text("text")
    (inside / "link").symlink_to(outside / "file.txt")
    (inside / "folder").symlink_to(outside)

    assert sandbox.run(f"{TASKS}:read", {"path": str(inside / "file.txt")}, readable=[inside]) == "text"
    for path in (
        outside / "file.txt",
        inside / "link",
        inside / "folder" / "file.txt",
        inside / ".." / "outside" / "file.txt",
        Path("/etc/passwd"),
        Path("/proc/self/environ"),
        Path("/sys/kernel/version"),
        Path(__file__).parents[2] / "pyproject.toml",
    ):
        with pytest.raises(Broke, match="not allowed"):
            sandbox.run(f"{TASKS}:read", {"path": str(path)}, readable=[inside])
    for folder in (outside, inside / "folder", Path("/"), Path("/proc")):
        with pytest.raises(Broke, match="not allowed"):
            sandbox.run(f"{TASKS}:names", {"path": str(folder)}, readable=[inside])


def test_it_writes_only_where_it_may(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    sandbox.run(f"{TASKS}:write", {"path": str(tmp_path / "mine" / "file")}, writable=[tmp_path / "mine"])
    assert (tmp_path / "mine" / "file").read_text() == "x"
    with pytest.raises(Broke, match="not allowed"):
        sandbox.run(f"{TASKS}:write", {"path": str(tmp_path / "file")}, readable=[tmp_path])
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("how", ["subprocess", "system", "fork", "exec", "spawn", "raw", "library"])
def test_it_starts_no_program(sandbox: Sandbox, how: str) -> None:
    with pytest.raises(Broke, match="not allowed"):
        sandbox.run(f"{TASKS}:start_program", {"how": how}, readable=[Path("/bin")])


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "2852039166", "0xa9.0xfe.169.254", "::ffff:169.254.169.254", "168.63.129.16", "fe80::1%lo"],
)
def test_with_the_network_it_still_cannot_ask_for_the_machines_identity(sandbox: Sandbox, host: str) -> None:
    with pytest.raises(Broke, match="not allowed"):
        sandbox.run(f"{TASKS}:connect", {"host": host, "port": 80}, limits=Limits(network=True))


def test_with_the_network_it_reaches_others(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert sandbox.run(f"{TASKS}:connect", {"host": "127.0.0.1", "port": port}, limits=Limits(network=True))


def test_it_has_no_secret_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "canary")
    monkeypatch.setenv("MLRELEASE_SIGNING_KEYS", "canary")
    sandbox = Sandbox()

    assert "canary" not in str(sandbox.run(f"{TASKS}:environment"))
    sandbox.close()


def test_it_may_ask_its_parent_who_may_refuse(sandbox: Sandbox) -> None:
    def answer(_question: str, details: dict[str, Any]) -> int:
        return int(details["number"]) * 2

    assert sandbox.run(f"{TASKS}:ask_twice", answer=answer) == [2, 4]

    def refuse(_question: str, _details: dict[str, Any]) -> None:
        raise Conflict("Never.")

    with pytest.raises(Conflict, match="Never"):
        sandbox.run(f"{TASKS}:ask_twice", answer=refuse)


def test_what_is_waited_for_no_longer_is_killed(sandbox: Sandbox) -> None:
    pids: list[int] = []
    with pytest.raises(TooCostly):
        sandbox.run(
            f"{TASKS}:tell_and_hang",
            limits=Limits(wall_seconds=0.5),
            answer=lambda _question, details: pids.append(details["pid"]),
        )
    wait_until_ended(pids[0])


def test_more_at_once_than_allowed_are_refused_not_kept_waiting() -> None:
    sandbox = Sandbox(most_at_once=1, most_waiting=0)
    began, end = threading.Event(), threading.Event()

    def answer(_question: str, _details: dict[str, Any]) -> int:
        began.set()
        end.wait(20)
        return 0

    with ThreadPoolExecutor() as threads:
        first = threads.submit(sandbox.run, f"{TASKS}:ask_twice", answer=answer)
        assert began.wait(20)
        with pytest.raises(Unavailable) as busy:
            sandbox.run(f"{TASKS}:add", {"left": 1, "right": 2})
        end.set()
        assert first.result() == [0, 0]
    assert busy.value.code == "sandbox_busy"
    sandbox.close()


def test_a_template_that_died_is_replaced() -> None:
    sandbox = Sandbox()
    template = sandbox.run(f"{TASKS}:parent_id")
    os.kill(template, 9)

    assert sandbox.run(f"{TASKS}:parent_id") != template
    sandbox.close()


def test_a_template_that_dies_meanwhile_says_nothing_about_what_was_sent() -> None:
    sandbox = Sandbox()
    template = sandbox.run(f"{TASKS}:parent_id")
    pids: list[int] = []

    def answer(_question: str, details: dict[str, Any]) -> None:
        pids.append(details["pid"])
        os.kill(template, 9)

    with pytest.raises(Unavailable) as ended:
        sandbox.run(f"{TASKS}:tell_and_hang", answer=answer)

    assert ended.value.code == "sandbox_ended"
    wait_until_ended(pids[0])
    assert sandbox.run(f"{TASKS}:add", {"left": 1, "right": 2}) == 3
    sandbox.close()


def test_children_of_many_threads_do_not_mix(sandbox: Sandbox) -> None:
    def add(number: int) -> int:
        return int(sandbox.run(f"{TASKS}:add", {"left": number, "right": number}))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(add, range(60))) == [2 * number for number in range(60)]


def test_threads_that_a_task_leaves_do_not_garble_its_result(sandbox: Sandbox) -> None:
    for _ in range(5):
        assert sandbox.run(f"{TASKS}:leave_threads_asking", answer=lambda _question, _details: None) == "done"


def test_children_find_the_same_azure_as_their_parent() -> None:
    address = "https://127.0.0.1:8443"
    variables = environment(
        address,
        Path("authority.pem"),
        Principal(client_id="app", object_id="app", name="app", secret="", assignments=[]),
    )

    addresses = {name for name, value in variables.items() if value.startswith(address)}

    assert addresses - {"KEY_VAULT_URL_TEMPLATE"} <= set(HANDED_ON), "what none is handed on leads to the real one"
