"""One POST to an address that somebody else chose, over real connections."""

import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import trustme

from app.notifications.outgoing import post
from app.notifications.sending import NotDelivered
from tests.notifications.receiving import Receiver, local_reach, receiving, respond


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def refusal(receiver: Receiver, code: str) -> NotDelivered:
    with pytest.raises(NotDelivered) as refused:
        post(receiver.url(), b"{}", headers={}, rules=local_reach(seconds=1.0))
    assert refused.value.code == code, refused.value.sentence
    return refused.value


def test_good_answer_is_its_status(receiver: Receiver) -> None:
    receiver.answer = respond(202)

    assert post(receiver.url(), b'{"a":1}', headers={"X-Mark": "1"}, rules=local_reach()) == 202

    (request,) = receiver.received
    assert (request.path, request.body, request.headers["x-mark"]) == ("/hook", b'{"a":1}', "1")


def test_answer_that_is_no_good_carries_its_status(receiver: Receiver) -> None:
    receiver.answer = respond(500)
    assert refusal(receiver, "answer_refused").answer == 500


@pytest.mark.parametrize(("given", "seconds"), [("120", 120), ("soon", None), ("-1", None), ("9" * 30, 10**6)])
def test_receiver_may_ask_for_time(receiver: Receiver, given: str, seconds: int | None) -> None:
    receiver.answer = respond(429, Retry_After=given)
    wait = refusal(receiver, "answer_refused").wait
    assert (wait.total_seconds() if wait else None) == seconds


def test_receiver_that_is_gone_wants_nothing_more(receiver: Receiver) -> None:
    receiver.answer = respond(410)
    gone = refusal(receiver, "gone")
    assert gone.for_good
    assert gone.closes


def test_nobody_listening_is_told_as_such(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.port = other.port
    refusal(receiver, "connection_failed")


def test_answer_that_never_ends_is_cut_off_in_time(receiver: Receiver) -> None:
    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(2000):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(0.02)

    receiver.answer = dribble
    refusal(receiver, "no_answer_in_time")


def test_certificate_is_checked_for_the_name_that_was_called() -> None:
    authority = trustme.CA()
    client, server = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(client)
    authority.issue_cert("hooks.example.com").configure_cert(server)
    rules = local_reach(trust=client, resolve=lambda _host, _port: ["127.0.0.1"], without_tls=False)

    with receiving(trust=server) as receiver:
        assert post(receiver.url("hooks.example.com"), b"{}", headers={}, rules=rules) == 200
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"
        with pytest.raises(NotDelivered) as refused:
            post(receiver.url("other.example.com"), b"{}", headers={}, rules=rules)

    assert refused.value.code == "connection_failed"
    assert "certificate" in refused.value.sentence.lower()
    assert len(receiver.received) == 1
