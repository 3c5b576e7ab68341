"""HTTP/1.1 by httptools, in C, held to what h11 sees to by itself: its parser has no limits, and leaves more to who uses it."""

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.connections import TimeLimit

MOST_UNFINISHED = 64 * 1024  # bytes of a head, or of what follows a body, that is kept until the rest of it comes
MOST_AHEAD = 8  # requests that are sent before the one before them is answered
_BODY = frozenset({b"content-length", b"transfer-encoding"})


class HttptoolsConnection(TimeLimit, HttpToolsProtocol):
    """One connection."""

    _unfinished = 0
    _is_further = False  # than before these bytes came
    _in_head = False
    _answering: RequestResponseCycle | None = None

    def data_received(self, data: bytes) -> None:
        self._is_further = False
        super().data_received(data)
        self._unfinished = 0 if self._is_further else self._unfinished + len(data)
        if self._unfinished > MOST_UNFINISHED and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def connection_lost(self, exc: Exception | None) -> None:
        # Uvicorn tells the request that came last; the one that is being answered may be another.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_AHEAD:
            raise ValueError("too many requests before the first is answered")
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what follows a body is no header: rights were looked at by then
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._is_further = False, True
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("which host is meant is not known")
        if self.parser.should_upgrade() and any(name in _BODY for name, _ in self.headers):
            raise ValueError("its body would be taken for the next request")
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # the parser lets go of what follows

    def on_body(self, body: bytes) -> None:
        self._is_further = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_further = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._answering is None or self._answering.response_complete:
            super().send_400_response(msg)
        else:
            self.transport.close()  # an answer now would be taken for the one to an earlier request

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered by this one."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)
