"""HTTP/1.1 to a scoring host over its unix socket, by h11.

Every request has a connection of its own, which closes when its answer is complete or no longer wanted. A connection
that is used again may still hold the rest of another caller's request or answer; one that is new cannot, and over a
unix socket it costs about a tenth of a millisecond.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h11

Headers = list[tuple[bytes, bytes]]

MAX_HEAD = 256 * 1024  # bytes of an answer's status line and headers
MAX_BODY = 256 * 1024 * 1024  # bytes of an answer: a script may return a generator that never ends


class NotConnected(Exception):
    """Nobody listens at the socket."""


class Broken(Exception):
    """The host went away before it had answered, or its answer is not HTTP."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Wire:
    """The way to one host."""

    socket: Path

    async def request(
        self, method: bytes, target: bytes, *, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> Answer:
        """One request. Raises NotConnected or Broken."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError as error:
            raise NotConnected(str(error)) from error
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
            writer.write(_encoded(connection, method, target, headers, body))
            await writer.drain()
            return await _answer(connection, reader)
        except (OSError, h11.ProtocolError) as error:
            raise Broken(str(error)) from error
        finally:
            writer.close()


def _encoded(
    connection: h11.Connection, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> bytes:
    own = [(b"Host", b"scoring"), (b"Connection", b"close"), (b"Content-Length", str(len(body)).encode())]
    head = connection.send(h11.Request(method=method, target=target, headers=[*own, *headers]))
    return (head or b"") + (connection.send(h11.Data(body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    response: h11.Response | None = None
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(1 << 16))
            case h11.Response() as response:
                pass
            case h11.Data(data=data):
                body += data
                if len(body) > MAX_BODY:
                    raise h11.RemoteProtocolError(f"the answer has more than {MAX_BODY} bytes")
            case h11.EndOfMessage() if response is not None:
                return Answer(response.status_code, list(response.headers), bytes(body))
            case h11.InformationalResponse():
                pass
            case _:
                raise h11.RemoteProtocolError("the host closed the connection without an answer")
