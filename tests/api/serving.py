"""The real service in a thread of the test process, reached over real HTTP."""

import asyncio
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import httpx
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine, event

from app.api.service import Service
from app.cli.development_login import DevelopmentLogin
from app.main import Server, create_app, listen, server_of
from app.process.development_token import read_token
from app.settings import Settings
from tests.waiting import PATIENCE_SECONDS, wait_until

Result = TypeVar("Result")

# Each client reads the certificate authorities anew, which takes longer than most of what it asks; nothing here speaks TLS.
AUTHORITIES = ssl.create_default_context()


@dataclass
class Served:
    """One API process, seen from outside (``url``) and, for what only the inside knows, from inside."""

    url: str
    service: Service
    _server: Server
    _loop: asyncio.AbstractEventLoop
    _thread: threading.Thread
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def development_token(self) -> str:
        """What the login form asks for. Fails the test where names are not believed."""
        token = read_token(self.service.settings.data)
        assert token is not None
        return token

    def login(self, actor: str = "anna") -> DevelopmentLogin:
        """Says a name, with the token where this service has one."""
        return DevelopmentLogin(actor, self.service.settings.data)

    def client(self, actor: str | None = "anna") -> httpx.Client:
        """Whoever calls: no more than one name; None says none."""
        client = httpx.Client(
            base_url=self.url,
            auth=self.login(actor) if actor is not None else None,
            timeout=60,
            limits=httpx.Limits(max_connections=300),
            trust_env=False,
            verify=AUTHORITIES,
        )
        self.clients.append(client)
        return client

    def inside(self, question: Callable[[], Awaitable[Result]]) -> Result:
        """Ask something in the server's own event loop."""

        async def ask() -> Result:
            return await question()

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(PATIENCE_SECONDS)

    def connections(self) -> list[socket.socket]:
        """The sockets of those who are connected now."""
        open_now = list(self._server.server_state.connections)
        return [each.transport.get_extra_info("socket") for each in open_now]

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that is served."""
        contexts = [*iter_route_contexts(self._server.config.app.routes)]  # type: ignore[union-attr] # an app of ours
        return sorted(
            {(way, str(each.path)) for each in contexts for way in getattr(each.route, "methods", None) or ()}
        )

    def ask_to_stop(self) -> None:
        """What the signal does."""
        self._loop.call_soon_threadsafe(self._server.handle_exit, signal.SIGTERM, None)

    def wait_until_stopped(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the service does not stop"

    @property
    def waiting(self) -> int:
        """How many wait for a change now."""
        return len(self.service.changes)


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """Serve on a free port of loopback until the end of the ``with``."""
    app = create_app(settings)
    listener = listen("127.0.0.1", 0)
    server = server_of(app)
    factory = server.config.get_loop_factory()
    assert factory is not None
    loop = factory()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=run, name="service", daemon=True)
    thread.start()
    served = Served(
        url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        service=app.state.service,
        _server=server,
        _loop=loop,
        _thread=thread,
    )
    wait_until(lambda: server.started or not thread.is_alive(), what="the service has started")
    assert thread.is_alive(), "the service did not start"
    try:
        yield served
    finally:
        for client in served.clients:
            client.close()
        if thread.is_alive():
            served.ask_to_stop()
        served.wait_until_stopped()


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Every SQL statement that the engine is given meanwhile, but for the begin of transactions."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def busy_threads() -> int:
    """How many threads for requests are in use now: to be asked inside the service."""
    return anyio.to_thread.current_default_thread_limiter().borrowed_tokens


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, after a look at what each must have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:mlrelease:problem:{code}"
    assert problem["title"]
    assert problem["detail"].endswith((".", "?", "!")), problem["detail"]
    return problem
