"""The connections that the service answers on."""

import socket

import httpx

from tests.api.conftest import on_sqlite
from tests.api.serving import Served


@on_sqlite
def test_answers_are_sent_without_waiting_for_the_callers_acknowledgement(anna: httpx.Client, service: Served) -> None:
    """Nagle's algorithm holds the body of every answer on a connection that is kept for 40 ms."""
    assert anna.get("/health/live").status_code == 200

    connections = service.connections()

    assert connections
    assert all(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in connections)
