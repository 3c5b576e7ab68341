"""The parent's side: it has tasks carried out, waits no longer than their limits, and kills what it waits for no longer."""

import contextlib
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.errors import Unavailable
from app.sandbox import refusals
from app.sandbox.child import Work
from app.sandbox.frames import Channel, Ended, Kind, Late, TooLong
from app.sandbox.limits import Limits
from app.sandbox.refusals import HINT, Broke, TooCostly
from app.sandbox.template import NAME_LENGTH

log = logging.getLogger(__name__)

LONGEST_LINE = 8_192  # bytes of what a child writes to its standard error

Answer = Callable[[str, dict[str, Any]], Any]

MOST_AT_ONCE = 4
MOST_WAITING = 16  # threads of ours that wait for one of them to end; more are refused at once
WAIT_SECONDS = 5.0  # for one of them to end
START_SECONDS = 60.0  # until a child runs: importing the Azure SDK takes long on a busy machine
LAST_WORDS_SECONDS = 5.0  # until the template has told how a child ended

# Everything that a child needs of our environment. Nothing in it is secret but a proxy's password, where an address has one.
HANDED_ON = (
    "ARM_CLOUD_METADATA_URL",
    "AZURE_AUTHORITY_HOST",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "NO_PROXY",
    "PATH",
    "REGISTRY_DISCOVERY_ENDPOINT_URL",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)

_START = "import sys; sys.path[:] = sys.argv[2:]; from app.sandbox.template import main; main(int(sys.argv[1]))"


class Sandbox:
    """Tasks in child processes, for all threads of this process. The first task starts the template."""

    def __init__(self, *, most_at_once: int = MOST_AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._places = threading.BoundedSemaphore(most_at_once)
        self._callers = threading.BoundedSemaphore(most_at_once + most_waiting)
        self._starting = threading.Lock()
        self._template: _TemplateProcess | None = None

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Limits = Limits(),
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        answer: Answer | None = None,
        doing: str = "read what was sent",
    ) -> Any:
        """What ``module:function`` gives for these keyword arguments. What it raises: see ``app.sandbox``.

        ``answer`` is asked what the task asks by ``child.ask``; what it raises ends the child at once and is raised here.
        """
        work = Work(task, dict(arguments or {}), limits, tuple(readable), tuple(writable), _handed_on())
        with self._place(doing):
            for _ in range(2):
                template = self._running()
                with _handed_over(template, task) as (connection, control):
                    try:
                        return _Run(connection, control, limits=limits, doing=doing).carry_out(work, answer)
                    except _NotBegun:
                        template.wait()  # it was about to end: the next is a new one
        raise Unavailable(f"Could not {doing}: no process could be started for it.", code="sandbox_not_started")

    def close(self) -> None:
        """End the template and everything that runs; the next task starts a new one."""
        with self._starting:
            if self._template is not None:
                self._template.close()
                self._template = None

    @contextmanager
    def _place(self, doing: str) -> Iterator[None]:
        busy = Unavailable(
            f"Could not {doing}: too many files are being read already.",
            code="sandbox_busy",
            hint="Try again in a moment.",
        )
        if not self._callers.acquire(blocking=False):
            raise busy
        try:
            if not self._places.acquire(timeout=WAIT_SECONDS):
                raise busy
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._callers.release()

    def _running(self) -> "_TemplateProcess":
        with self._starting:
            if self._template is None or not self._template.is_usable:
                self._template = _TemplateProcess()
            return self._template


class _TemplateProcess:
    def __init__(self) -> None:
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair()
        path = [os.path.abspath(each) for each in sys.path if each and Path(each).exists()]  # noqa: PTH100 # as text
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # this interpreter, our own module
                [sys.executable, "-I", "-c", _START, str(theirs.fileno()), *path],
                env=_handed_on(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C on the terminal is for its parent
            )
        threading.Thread(target=_log_lines, args=(self._process.stderr,), name="sandbox-said", daemon=True).start()

    @property
    def is_usable(self) -> bool:
        """A process that was forked from ours has a template of its own."""
        return self._owner == os.getpid() and self._process.poll() is None

    def hand_over(self, task: str, sockets: Sequence[socket.socket]) -> None:
        name = task.encode().ljust(NAME_LENGTH)
        if len(name) > NAME_LENGTH:
            raise ValueError(f"the name of a task is too long: {task}")
        socket.send_fds(self._control, [name], [each.fileno() for each in sockets])

    def wait(self) -> bool:
        """Whether it has ended, now or in a moment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WORDS_SECONDS)
        return self._process.poll() is not None

    def close(self) -> None:
        self._control.close()
        if self._owner == os.getpid() and not self.wait():
            self._process.kill()
            self._process.wait()


@contextmanager
def _handed_over(template: _TemplateProcess, task: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our ends of a child's sockets. When they are closed, the child is killed."""
    with contextlib.ExitStack() as ours:
        connection, theirs = socket.socketpair()
        control, their_control = socket.socketpair()
        for each in (connection, control):
            ours.enter_context(each)
        with theirs, their_control, contextlib.suppress(OSError):  # a template that is gone is noticed by its silence
            template.hand_over(task, (theirs, their_control))
        yield connection, control


def _log_lines(said: IO[bytes]) -> None:
    """What the template and its children write, such as warnings of a library, until the last of them is gone."""
    with said:
        while line := said.readline(LONGEST_LINE):
            if line.strip():
                log.warning("sandbox_said: %s", line.decode(errors="replace").rstrip())


def _handed_on() -> dict[str, str]:
    """An allow-list: whatever else is in our environment is no business of a child's."""
    return {name: os.environ[name] for name in HANDED_ON if name in os.environ}


class _NotBegun(Exception):
    """The template ended before it forked."""


class _Run:
    """One child, from its begin to its end."""

    def __init__(self, connection: socket.socket, control: socket.socket, *, limits: Limits, doing: str) -> None:
        self._channel = Channel(connection, longest=limits.result)
        self._control = control
        self._limits = limits
        self._doing = doing

    def carry_out(self, work: Work, answer: Answer | None) -> Any:
        try:
            self._channel.receive(until=time.monotonic() + START_SECONDS)  # that it has begun
        except Ended:
            raise _NotBegun from None
        except Late:
            raise Unavailable(
                f"Could not {self._doing}: no process was ready for it in time.", code="sandbox_not_started"
            ) from None
        try:
            return self._converse(work, answer, until=time.monotonic() + self._limits.wall_seconds)
        except Late:
            raise self._too_costly(f"it took more than {self._limits.wall_seconds:.0f} seconds") from None
        except TooLong:
            raise self._too_costly(f"what came of it is larger than {self._limits.result:,} bytes") from None
        except Ended:
            raise self._died() from None
        except (ValueError, KeyError) as nonsense:
            raise self._broke(f"what it said is not understood: {nonsense}") from nonsense

    def _converse(self, work: Work, answer: Answer | None, *, until: float) -> Any:
        self._channel.send(Kind.REQUEST, pickle.dumps(work), until=until)
        while True:
            kind, content = self._channel.receive(until=until)
            match kind:
                case Kind.BYTES:
                    return content
                case Kind.JSON:
                    return json.loads(content)
                case Kind.ERROR:
                    raise self._error(json.loads(content))
                case Kind.QUESTION if answer is not None:
                    asked = json.loads(content)
                    said = answer(asked["question"], asked["details"])
                    self._channel.send(Kind.ANSWER, json.dumps(said).encode(), until=until)
                case _:
                    raise self._broke(f"it said {kind.name}")

    def _error(self, told: dict[str, Any]) -> Exception:
        match told:
            case {"families": _}:
                return refusals.decode(told)
            case {"how": "memory"}:
                return self._too_costly("it took too much memory")
            case {"how": "depth"}:
                return self._too_costly("it is nested too deeply")
            case {"how": "denied", "what": wanted}:
                return self._denied(wanted)
        return self._broke(str(told.get("what")))

    def _died(self) -> Exception:
        """Why it said nothing more."""
        status = self._exit_status()
        if status is None:  # nothing in what was sent can do that: it says nothing about it
            return Unavailable(
                f"Could not {self._doing}: the process that does it was ended from outside.",
                code="sandbox_ended",
                hint="Try again. If it stays, find out what ends processes on this machine, such as a lack of memory.",
            )
        if status == -signal.SIGXCPU:
            return self._too_costly(f"it took more than {self._limits.cpu_seconds} seconds of processor time")
        if status == -signal.SIGKILL:  # of the hard limit, or of a machine without memory
            return self._too_costly("it took too much memory or processor time")
        if status == -signal.SIGXFSZ:
            return self._too_costly("a file became too large")
        return self._broke(f"the process ended with {status}")

    def _exit_status(self) -> int | None:
        """None: the template did not tell, so it has ended itself, and its children with it."""
        self._control.settimeout(LAST_WORDS_SECONDS)
        try:
            return int(self._control.recv(32))
        except (OSError, ValueError):
            return None

    def _too_costly(self, why: str) -> TooCostly:
        log.warning("sandbox_limit: could not %s: %s", self._doing, why)
        return TooCostly(f"Could not {self._doing}: {why}.", hint=HINT)

    def _denied(self, wanted: str) -> Broke:
        log.warning("sandbox_denied: could not %s: it wanted to %s", self._doing, wanted)
        return Broke(
            f"Could not {self._doing}: it tried to {wanted}, which is not allowed.",
            code="bundle_reaches_out",
            hint="Name only files of the submitted folder.",
        )

    def _broke(self, how: str) -> Broke:
        log.error("sandbox_broke: could not %s: %s", self._doing, how)
        return Broke(f"Could not {self._doing}: an unexpected error occurred.", hint="See the service's log.")


sandbox = Sandbox()
