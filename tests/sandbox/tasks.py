"""What tests have carried out in child processes."""

import _posixsubprocess
import ctypes
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from app.errors import Conflict, Invalid, Mistake
from app.sandbox.child import ask


def add(left: int, right: int) -> int:
    return left + right


def reverse(content: bytes) -> bytes:
    return content[::-1]


def read(path: str) -> str:
    return Path(path).read_text()


def write(path: str) -> None:
    Path(path).write_text("x")


def names(path: str) -> list[str]:
    return sorted(each.name for each in Path(path).iterdir())


def refuse() -> None:
    raise Invalid("No.", code="no_way", hint="Try.", mistakes=[Mistake("is wrong", file="a.yml", line=3)])


def refuse_with_details() -> None:
    raise Conflict("Taken.", code="taken", by="ada")


def spin() -> None:
    while True:
        pass


def hang() -> None:
    time.sleep(3600)


def fill_memory() -> int:
    return len(bytearray(8 * 1024**3))


def fall() -> None:
    fall()


def crash() -> None:
    os.abort()


def surprise() -> None:
    raise KeyError("what")


def say_much() -> str:
    return "x" * (64 * 1024**2)


def start_program(how: str) -> Any:
    match how:
        case "subprocess":
            return subprocess.run(["true"], check=False).returncode
        case "system":
            return os.system("true")  # noqa: S605 # what is to be refused
        case "fork":
            return os.fork() or os._exit(0)
        case "exec":
            return os.execv("/bin/true", ["true"])  # noqa: S606 # the same
        case "spawn":
            return os.posix_spawn("/bin/true", ["true"], {})
        case "raw":
            return _posixsubprocess.fork_exec()  # type: ignore[call-arg] # refused before it looks at them
        case "library":
            return ctypes.CDLL(None).system(b"true")
    return None


def environment() -> dict[str, str]:
    return dict(os.environ)


def ask_twice() -> list[Any]:
    return [ask("double", number=number) for number in (1, 2)]


def parent_id() -> int:
    return os.getppid()


def tell_and_hang() -> None:
    ask("here", pid=os.getpid())
    time.sleep(3600)


def leave_threads_asking() -> str:
    def go_on() -> None:
        while True:
            ask("more")

    for _ in range(4):
        threading.Thread(target=go_on, daemon=True).start()
    for _ in range(50):
        ask("mine")
    return "done"


def connect(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as caller:
        caller.settimeout(5)
        caller.connect((host, port))
    return True
