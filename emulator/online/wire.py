"""HTTP/1.1 to a scoring host over its unix socket: only what the host speaks, so that a scored request costs little.

Both ends are ours: every answer has a Content-Length, connections stay open and are used again.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

Headers = list[tuple[str, str]]


class NotConnected(Exception):
    """Nobody listens at the socket."""


class Broken(Exception):
    """The host went away before it had answered."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class Wire:
    """The connections to one host, as many as there are requests at once."""

    socket: Path
    _idle: list[_Connection] = field(default_factory=list)

    async def request(
        self, method: str, target: str, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        """One request. Raises NotConnected or Broken; a cancelled one closes its connection."""
        reader, writer = await self._connection()
        try:
            writer.write(_head(method, target, headers, len(body)) + body)
            await writer.drain()
            answer = await _read(reader)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.close()
            raise Broken(str(error)) from error
        except BaseException:
            # The answer to this request may still come: nobody may take it for the answer to the next one.
            writer.close()
            raise
        self._idle.append((reader, writer))
        return answer

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connection(self) -> _Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            return await asyncio.open_unix_connection(str(self.socket))
        except OSError as error:
            raise NotConnected(str(error)) from error


def _head(method: str, target: str, headers: Iterable[tuple[str, str]], length: int) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: scoring", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next(int(value) for name, value in headers if name.lower() == "content-length")
    return Answer(int(first.split(" ", 2)[1]), headers, await reader.readexactly(length))
