"""Webhooks that try to lead the service into its own network, or to hold it up."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from app.notifications.outgoing import MOST_BYTES, OutboundRules, post
from app.notifications.sending import NotDelivered
from tests.notifications.receiving import Receiver, local_reach, receiving, respond


@pytest.fixture
def safe_target() -> Iterator[Receiver]:
    """Something on this machine that nobody outside may reach."""
    with receiving() as receiver:
        yield receiver


def refused(url: str, rules: OutboundRules, code: str) -> None:
    with pytest.raises(NotDelivered) as no:
        post(url, b"{}", headers={}, rules=rules)
    assert no.value.code == code, no.value.sentence


class Rebinding:
    """A name server of an attacker: a good address at the first question, a bad one ever after."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


def test_name_that_leads_to_loopback_is_not_called(safe_target: Receiver) -> None:
    rules = OutboundRules(without_tls=True, resolve=lambda _host, _port: ["127.0.0.1"])

    refused(safe_target.url("innocent.example"), rules, "address_refused")

    assert safe_target.received == []


def test_real_name_of_this_machine_is_not_called(safe_target: Receiver) -> None:
    refused(safe_target.url("localhost"), OutboundRules(without_tls=True), "address_refused")

    assert safe_target.received == []


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "10.0.0.1", "::ffff:127.0.0.1", "fe80::1%lo"])
def test_name_that_leads_into_a_private_network_is_not_called(address: str) -> None:
    rules = OutboundRules(without_tls=True, resolve=lambda _host, _port: [address])

    refused("http://innocent.example/", rules, "address_refused")


def test_name_is_looked_up_once_and_the_judged_address_is_called(safe_target: Receiver) -> None:
    rebinding = Rebinding("127.0.0.1", "10.0.0.1")

    assert post(safe_target.url("rebinding.example"), b"{}", headers={}, rules=local_reach(resolve=rebinding)) == 200

    assert rebinding.asked == 1


def test_name_that_turns_bad_between_two_tries_is_refused_at_the_second(safe_target: Receiver) -> None:
    rules = local_reach(resolve=Rebinding("127.0.0.1", "10.0.0.1"))

    assert post(safe_target.url("rebinding.example"), b"{}", headers={}, rules=rules) == 200
    refused(safe_target.url("rebinding.example"), rules, "address_refused")

    assert len(safe_target.received) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_loopback_is_not_followed(safe_target: Receiver, status: int) -> None:
    with receiving() as outside:
        outside.answer = respond(status, Location=safe_target.url())
        refused(outside.url(), local_reach(), "redirect_refused")

    assert safe_target.received == []


def test_huge_answer_is_not_read(safe_target: Receiver) -> None:
    sent = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            sent.append(handler.wfile.write(b"x" * 65536))

    safe_target.answer = flood
    refused(safe_target.url(), local_reach(), "answer_too_long")
    # What the kernel holds between the two is sent without being read.
    assert sum(sent) < MOST_BYTES + 32 * 2**20


def test_headers_without_end_are_not_read(safe_target: Receiver) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-A: " + b"a" * 1000 + b"\r\n")

    safe_target.answer = flood
    with pytest.raises(NotDelivered) as no:
        post(safe_target.url(), b"{}", headers={}, rules=local_reach())
    assert no.value.code in {"answer_too_long", "connection_failed"}


@contextmanager
def silence() -> Iterator[int]:
    """Takes connections and says nothing; its port."""
    stop = threading.Event()

    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            stop.wait(30)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_address[1]
        stop.set()
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_receiver_that_says_nothing_is_left_in_time(scheme: str) -> None:
    with silence() as port:
        refused(f"{scheme}://127.0.0.1:{port}/", local_reach(seconds=0.5), "no_answer_in_time")
