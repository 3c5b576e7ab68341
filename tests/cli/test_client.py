"""The client against a server that misbehaves."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.cli.client import Client, credentials
from app.cli.development_login import data_folder
from app.cli.refusals import Refused, Unreachable
from app.errors import Misconfigured
from app.local.ports import free_port
from app.process.development_token import make_token, remove_token


@dataclass
class Script:
    """What the server answers, in turn: status and body, or None to hang up. It notes the requests' headers."""

    address: str
    answers: list[tuple[int, object] | None] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def script() -> Iterator[Script]:
    play = Script("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def do_GET(self) -> None:
            play.heard.append({name.lower(): value for name, value in self.headers.items()})
            answer = play.answers.pop(0)
            if answer is None:
                self.connection.close()
                return
            body = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/problem+json" if answer[0] >= 400 else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    play.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield play
    server.shutdown()
    thread.join()
    server.server_close()


def test_post_that_lost_its_answer_is_repeated_under_the_same_key(script: Script) -> None:
    script.answers = [None, (201, {"id": "m-1"})]
    assert Client(script.address, actor="erika").post("/v1/releases", {}) == {"id": "m-1"}
    first, second = script.heard
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["mlrelease-actor"] == "erika"


def test_two_posts_have_keys_of_their_own(script: Script) -> None:
    script.answers = [(200, {}), (200, {})]
    client = Client(script.address)
    client.post("/a", {})
    client.post("/a", {})
    assert script.heard[0]["idempotency-key"] != script.heard[1]["idempotency-key"]


def test_service_that_is_just_starting_is_asked_again(script: Script) -> None:
    script.answers = [(503, {"detail": "starting"}), (200, {"items": []})]
    assert Client(script.address).get("/v1/models") == {"items": []}


def test_service_that_stays_unavailable_is_a_refusal_in_its_own_words(script: Script) -> None:
    problem = {"detail": "The database is locked.", "code": "database_locked", "hint": "Try again."}
    script.answers = [(503, problem)] * 4
    with pytest.raises(Refused, match=r"The database is locked\. Try again\.") as refused:
        Client(script.address).get("/v1/models")
    assert refused.value.code == "database_locked"
    assert refused.value.problem == problem


def test_answer_that_is_not_a_problem_document_is_told_as_another_server(script: Script) -> None:
    script.answers = [(404, ["nothing"])]
    with pytest.raises(Refused, match="404"):
        Client(script.address).get("/v1/models")


def test_nobody_there_is_unreachable_and_names_the_address() -> None:
    server = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=server):
        Client(server).get("/v1/models")


@pytest.mark.parametrize("server", ["127.0.0.1:8400", "ftp://host", "http://"])
def test_address_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(Misconfigured, match="is not a valid service address"):
        Client(server)


def test_token_of_this_machine_goes_with_the_name_and_is_read_anew(script: Script, tmp_path: Path) -> None:
    client = Client(script.address, actor="erika", data=tmp_path)
    sent = []
    for _ in range(2):  # as by two services, one after the other
        sent.append(f"Bearer {make_token(tmp_path)}")
        script.answers = [(200, {})]
        client.get("/v1/models")
        remove_token(tmp_path)

    assert [each["authorization"] for each in script.heard] == sent
    assert sent[0] != sent[1]


def test_token_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = tmp_path / "deploy" / "models"
    below.mkdir(parents=True)
    make_token(tmp_path / ".mlrelease")

    assert data_folder({}, here=below) == tmp_path / ".mlrelease"
    assert data_folder({"MLRELEASE_DATA": "/elsewhere"}, here=below) == Path("/elsewhere")


def test_token_of_this_machine_is_sent_to_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_token(tmp_path)
    monkeypatch.setenv("MLRELEASE_DATA", str(tmp_path))

    assert credentials("http", "mlrelease.example", actor=None, data=None) is None
    assert credentials("http", "localhost", actor=None, data=None) is not None


def test_actor_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(Misconfigured, match="MLRELEASE_ACTOR"):
        Client("http://127.0.0.1:1", actor="Jürgen")
