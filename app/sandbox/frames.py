"""What parent and child say to each other over their socket: a kind, a length, content."""

import socket
import struct
import time
from enum import Enum

_HEADER = struct.Struct("!cQ")


class Kind(Enum):
    BEGUN = b"b"  # child: it runs; from now on its time counts
    REQUEST = b"r"  # parent: what to do, pickled
    QUESTION = b"q"  # child: something that only the parent can answer, JSON
    ANSWER = b"a"  # parent: JSON
    JSON = b"j"  # child: the result
    BYTES = b"y"  # child: the result
    ERROR = b"e"  # child: what was raised, JSON


class Ended(Exception):
    """The other side is gone."""


class Late(Exception):
    """The other side has not spoken in time."""


class TooLong(Exception):
    """The other side says more than is listened to."""


class Channel:
    """Frames over a connected socket. ``until`` is a moment of ``time.monotonic``; None waits for ever."""

    def __init__(self, connection: socket.socket, *, longest: int | None = None) -> None:
        self._connection = connection
        self._longest = longest  # bytes of one frame that is received

    def send(self, kind: Kind, content: bytes, *, until: float | None = None) -> None:
        """Raises Ended or Late."""
        try:
            for part in (_HEADER.pack(kind.value, len(content)), content):
                self._connection.settimeout(_left(until))
                self._connection.sendall(part)
        except TimeoutError as late:
            raise Late from late
        except OSError as gone:
            raise Ended from gone

    def receive(self, *, until: float | None = None) -> tuple[Kind, bytes]:
        """Raises Ended, Late or TooLong."""
        kind, length = _HEADER.unpack(self._read(_HEADER.size, until))
        if self._longest is not None and length > self._longest:
            raise TooLong
        return Kind(kind), self._read(length, until)

    def _read(self, size: int, until: float | None) -> bytes:
        content = bytearray()
        while len(content) < size:
            try:
                self._connection.settimeout(_left(until))
                part = self._connection.recv(min(size - len(content), 1 << 20))
            except TimeoutError as late:
                raise Late from late
            except OSError as gone:
                raise Ended from gone
            if not part:
                raise Ended
            content += part
        return bytes(content)


def _left(until: float | None) -> float | None:
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise Late
    return left
