"""Counting what a process asks of PostgreSQL: a stage between both, which sees who speaks when."""

import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.waiting import PATIENCE_SECONDS

_SOCKET = ".s.PGSQL.5432"


@dataclass
class RoundTrips:
    """How often a client began to speak and waited for what the server says to it. ``url`` leads to the same database."""

    url: str
    count: int = 0


@contextmanager
def counting_round_trips(url: str) -> Iterator[RoundTrips]:
    """Count those of all who connect to ``RoundTrips.url``. ``url`` is of a server on a socket of this machine."""
    server = Path(parse_qs(urlsplit(url).query)["host"][0], _SOCKET)
    with tempfile.TemporaryDirectory(prefix="mlrelease-") as folder, socket.socket(socket.AF_UNIX) as listener:
        seen = RoundTrips(url.replace(str(server.parent), folder))
        listener.bind(str(Path(folder, _SOCKET)))
        listener.listen(50)
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:  # closed: that was all
                    return
                threads.append(threading.Thread(target=_hand_on, args=(client, server, seen)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(PATIENCE_SECONDS)
            for each in threads:
                each.join(PATIENCE_SECONDS)


def _hand_on(client: socket.socket, server: Path, seen: RoundTrips) -> None:
    """Until one of both hangs up."""
    with client, socket.socket(socket.AF_UNIX) as backend:
        backend.connect(str(server))
        waits = False  # the client, for an answer
        while True:
            ready, _, _ = select.select([client, backend], [], [])
            for end in ready:
                said = end.recv(65536)
                if not said:
                    return
                if end is client and not waits:
                    seen.count += 1
                waits = end is client
                (backend if end is client else client).sendall(said)
