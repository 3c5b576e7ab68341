"""The life of one child: it learns what to do, takes its limits upon itself, does it, says what came of it and ends."""

import contextlib
import importlib
import json
import os
import pickle
import signal
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from app.errors import MlreleaseError
from app.sandbox import refusals
from app.sandbox.frames import Channel, Kind
from app.sandbox.guard import Denied, install_guard
from app.sandbox.limits import Limits, apply_limits

LATEST_SECONDS = 5.0  # after which a child ends itself, should its parent and its template be gone


@dataclass(frozen=True)
class Work:
    """What a parent asks for."""

    task: str  # module:function
    arguments: dict[str, Any]
    limits: Limits
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    environment: dict[str, str]  # all of it


class _Parent:
    """The way to ask it."""

    channel: Channel | None = None
    asking = threading.Lock()


def ask(question: str, **details: Any) -> Any:
    """The parent's answer, from the function that ``run`` was given. A parent that refuses kills this process."""
    assert _Parent.channel is not None, "only a child has a parent to ask"
    with _Parent.asking:
        _Parent.channel.send(Kind.QUESTION, json.dumps({"question": question, "details": details}).encode())
        _, answer = _Parent.channel.receive()
    return json.loads(answer)


def live(connection: socket.socket, *, scratch: Path) -> NoReturn:
    """Of a process that was just forked; ``scratch`` is a folder of its own."""
    channel = _Parent.channel = Channel(connection)
    try:
        channel.send(Kind.BEGUN, b"")
        _, request = channel.receive()
        # From our own parent, over a socket that nobody else has.
        work: Work = pickle.loads(request)  # noqa: S301
        signal.setitimer(signal.ITIMER_REAL, work.limits.wall_seconds + LATEST_SECONDS)
        os.environ.clear()
        os.environ.update(work.environment)
        os.chdir(scratch)
        tempfile.tempdir = os.environ["TMPDIR"] = os.environ["HOME"] = str(scratch)
        task = _find(work.task)
        apply_limits(work.limits)
        install_guard(readable=work.readable, writable=(*work.writable, scratch), network=work.limits.network)
        outcome = _outcome(task, work.arguments)
        with _Parent.asking:  # a thread that the task left running may be asking still
            channel.send(*outcome)
    except BaseException:  # noqa: BLE001 # nothing of it may go on in the template's place
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    os._exit(0)


def _find(task: str) -> Callable[..., Any]:
    module, _, name = task.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _outcome(task: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Kind, bytes]:
    try:
        result = task(**arguments)
        if isinstance(result, bytes):
            return Kind.BYTES, result
        return Kind.JSON, json.dumps(result).encode()
    except MlreleaseError as refusal:
        return Kind.ERROR, refusals.encode(refusal)
    except (MemoryError, RecursionError) as much:
        return _broke("memory" if isinstance(much, MemoryError) else "depth", "")
    except BaseException as broken:  # noqa: BLE001 # whatever it is, the parent tells it
        denied = find_denied(broken)
        if denied is not None:
            return _broke("denied", denied.wanted)
        return _broke("broke", "".join(traceback.format_exception(broken))[-8000:])


def find_denied(error: BaseException | None) -> Denied | None:
    """What the guard did not allow, also where others have made an error of their own of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, Denied):
            return error
        error = error.__cause__ or error.__context__
    return None


def _broke(how: str, what: str) -> tuple[Kind, bytes]:
    return Kind.ERROR, json.dumps({"how": how, "what": what}).encode()
