"""Sixteen callers side by side, each over a connection that stays open, and what one answer to them costs its server."""

import socket
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import typer

from benchmarks.servers import Server

CALLERS = 16
GOOD = tuple(f"HTTP/1.1 {status}".encode() for status in (200, 201, 304))


@dataclass(frozen=True)
class Cost:
    """Of one request: milliseconds of processor time; and how many are answered in a second."""

    cpu_ms: float
    per_second: float


def cost_of(server: Server, requests: Sequence[bytes]) -> Cost:
    """Send all of them. Raises SystemExit where one is refused."""
    begun, cpu = time.perf_counter(), server.cpu()
    _send_all(server.port, requests)
    return Cost((server.cpu() - cpu) * 1000 / len(requests), len(requests) / (time.perf_counter() - begun))


def median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*map(astuple, costs), strict=True)))


def cheaper(ours: Mapping[str, Cost], peers: Mapping[str, Cost]) -> dict[str, dict[str, float]]:
    """By database of ours: by how many times less processor time we answer than each peer that was measured."""
    return {
        database: {f"over_{name}": peer.cpu_ms / cost.cpu_ms for name, peer in peers.items()}
        for database, cost in ours.items()
    }


def show(figures: Mapping[str, Cost]) -> None:
    typer.echo(f"{'':<28}{'CPU ms':>8}{'per second':>12}")
    for name, cost in figures.items():
        typer.echo(f"{name:<28}{cost.cpu_ms:>8.3f}{cost.per_second:>12.0f}")


def _send_all(port: int, requests: Sequence[bytes]) -> None:
    """Each caller waits for one answer before its next request."""
    broken: list[BaseException] = []

    def call(number: int) -> None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for request in requests[number::CALLERS]:
                    connection.sendall(request)
                    _receive(connection)
        except BaseException as error:  # noqa: BLE001 - told below
            broken.append(error)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if broken:
        raise SystemExit(f"A request failed: {broken[0]}")


def _receive(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(GOOD):
        raise SystemExit(f"It was answered with {head[:60]!r} {body[:300]!r}.")
    lengths = [each.partition(b":")[2] for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    missing = (int(lengths[0]) if lengths else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))
