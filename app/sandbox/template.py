"""The process that children are forked from. It imports our code, reads nothing that was sent, and knows no secret.

Over its control socket it gets, for each task, the task's name and two sockets: one that the child speaks through, one of which it
tells the parent how the child ended. When the parent closes that one, the child is killed. It ends when the parent is gone, or
after a while in which nothing was to do.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from app.sandbox.child import live

NAME_LENGTH = 256  # bytes: each message on the control socket has just as many
IDLE_SECONDS = 600.0
_PARENT_DEATH_SIGNAL = 1  # of prctl(2)


@dataclass
class _Child:
    pid: int
    control: socket.socket
    scratch: Path


class Template:
    def __init__(self, control: socket.socket, *, scratch: Path) -> None:
        self._control = control
        self._scratch = scratch
        self._children: dict[int, _Child] = {}  # by the number of their control socket
        self._woken, waker = socket.socketpair()
        self._waker = waker
        self._woken.setblocking(False)
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        # Loaded here: a child may load no library any more.
        self._prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def serve(self) -> None:
        """Until the parent is gone or there was nothing to do for long."""
        while True:
            waiting = [self._control, self._woken, *(each.control for each in self._children.values())]
            ready, _, _ = select.select(waiting, [], [], None if self._children else IDLE_SECONDS)
            if not ready:
                return
            for each in ready:
                if each is self._woken:
                    self._bury()
                elif each is self._control:
                    if not self._begin_one():
                        return
                elif each.fileno() in self._children:
                    self._kill(self._children[each.fileno()])

    def close(self) -> None:
        """Nobody outlives the template."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def _begin_one(self) -> bool:
        """Fork a child for the next task; False when there is no parent any more."""
        try:
            name, numbers, _, _ = socket.recv_fds(self._control, NAME_LENGTH, 2)
        except ConnectionError:
            return False
        if not name:
            return False
        connection, control = (socket.socket(fileno=number) for number in numbers)
        self._import(name.strip().decode().partition(":")[0])
        scratch = Path(tempfile.mkdtemp(dir=self._scratch))
        pid = os.fork()
        if pid == 0:
            self._become_child(connection, control, scratch)
        with contextlib.suppress(OSError):  # it does so itself too: whoever comes first
            os.setpgid(pid, pid)
        connection.close()
        self._children[control.fileno()] = _Child(pid, control, scratch)
        return True

    def _become_child(self, connection: socket.socket, control: socket.socket, scratch: Path) -> None:
        template = os.getppid()
        os.setpgid(0, 0)
        if self._prctl is not None:
            self._prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != template:  # it died before that
                os._exit(0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        others = (each.control for each in self._children.values())
        for each in (self._control, control, self._woken, self._waker, *others):
            each.close()
        live(connection, scratch=scratch)

    def _import(self, module: str) -> None:
        """Here and not in the child, so that the next one has it already. Our own code: it reads nothing that was sent."""
        if module in sys.modules:
            return
        try:
            importlib.import_module(module)
        except Exception:  # noqa: BLE001 # the child finds the same, and tells the parent
            traceback.print_exc()
        gc.freeze()  # or each child would copy what it only reads

    def _kill(self, child: _Child) -> None:
        """Its parent waits for it no longer. What remains of it is cleared away once it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        self._clear(child)

    def _bury(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            with contextlib.suppress(OSError):
                child.control.send(str(os.waitstatus_to_exitcode(status)).encode())
            self._clear(child)

    def _clear(self, child: _Child) -> None:
        del self._children[child.control.fileno()]
        child.control.close()
        shutil.rmtree(child.scratch, ignore_errors=True)


def main(control: int) -> None:
    """Serve on an inherited socket."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent ends us, by closing the socket
        signal.signal(number, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="mlrelease-sandbox-", ignore_cleanup_errors=True) as scratch:
        sys.dont_write_bytecode = True
        template = Template(socket.socket(fileno=control), scratch=Path(scratch))
        try:
            template.serve()
        finally:
            template.close()
