"""What comes back from a scoring address is not trusted: its size, its time, its form, where it points to."""

import gzip
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from app.azureml.client import AzureSettings
from app.azureml.errors import AnswerTooLarge, TimedOut
from app.azureml.facade import open_azure
from app.azureml.scoring import DEEPEST_ANSWER, LARGEST_ANSWER, Scoring
from app.azureml.types import Answer

Send = Callable[[bytes], object]


@contextmanager
def answering(act: Callable[[Send], object]) -> Iterator[str]:
    """An address of ours whose answers are whatever bytes ``act`` sends."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.rfile.read(length)
            try:
                act(self.request.sendall)
            except OSError:
                return  # whoever asked has gone: that is what some tests want

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/score"
        server.shutdown()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Callable[[Send], object]:
    head = "".join(f"{each}\r\n" for each in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return lambda send: send(head.encode() + b"\r\n" + body)


def ask(uri: str, *, seconds: float = 5.0) -> Answer:
    azure = open_azure(replace(AzureSettings(), read_seconds=seconds))
    with Scoring(azure, uri, secret=lambda: "private") as scoring:
        return scoring.ask({"data": [1]})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"predictions": [NaN]}', "NaN is not JSON"),
        (b'{"predictions": [-Infinity]}', "-Infinity is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * (DEEPEST_ANSWER + 2) + b"]" * (DEEPEST_ANSWER + 2), "nested deeper"),
        (b"1" * 10_000, "digits"),
        (b"\xff\xfe\x00", ""),
        (b"", ""),
    ],
    ids=["nan", "infinity", "unclosed", "deep", "digits", "bytes", "nothing"],
)
def test_what_is_no_json_is_text_and_says_why(body: bytes, says: str) -> None:
    with answering(whole(body)) as uri:
        answer = ask(uri)

    assert isinstance(answer.body, str)
    assert says in (answer.not_json or "")


def test_json_as_deep_as_is_read_is_json() -> None:
    with answering(whole(b"[" * DEEPEST_ANSWER + b"]" * DEEPEST_ANSWER)) as uri:
        assert ask(uri).not_json is None


def test_answer_without_an_end_is_not_read_to_it() -> None:
    def send_for_ever(send: Send) -> None:
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            send(b"1" * 65536)

    with answering(send_for_ever) as uri, pytest.raises(AnswerTooLarge, match=f"{LARGEST_ANSWER:,}"):
        ask(uri, seconds=60)


def test_answer_that_drips_is_not_waited_for_longer_than_its_time() -> None:
    def drip(send: Send) -> None:
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(600):
            send(b" ")
            time.sleep(0.1)

    with answering(drip) as uri, pytest.raises(TimedOut):  # read to its end it would be no JSON
        ask(uri, seconds=1)


def test_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(b" " * 50_000_000)
    with answering(whole(packed, "Content-Encoding: gzip")) as uri:
        answer = ask(uri)

    assert len(answer.body) <= len(packed)


def test_redirection_is_not_followed_with_our_credentials() -> None:
    with answering(whole(b"", "Location: http://127.0.0.1:9/login", status="302 Found")) as uri:
        assert ask(uri).status == 302


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("1e300", 600.0), ("inf", 600.0), ("nan", None), ("-5", None), ("soon", None)]
)
def test_time_to_wait_is_one_that_can_be_waited(said: str, seconds: float | None) -> None:
    with answering(whole(b"", f"Retry-After: {said}", status="429 Too Many Requests")) as uri:
        assert ask(uri).retry_after == seconds
