"""What a child process may touch, held by an audit hook: Python asks it before it opens, lists, starts or connects anything.

A path counts as what it leads to, links and all. There is no way to take the hook away again.
"""

import _posixsubprocess
import ipaddress
import mimetypes
import os
import socket
import ssl
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Each with the position of the paths among its arguments.
_CHANGES = {
    "os.chflags": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (0, 1),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.removexattr": (0,),
    "os.rmdir": (0,),
    "os.setxattr": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
}
_LISTS = frozenset({"os.listdir", "os.scandir", "os.chdir", "os.getxattr", "os.listxattr"})
_STARTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
_NEVER = frozenset({"ctypes.dlopen", "ctypes.dlsym", "resource.setrlimit", "sqlite3.connect", "sys.remote_exec"})
_NETWORK = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg", "socket.gethostbyname"}
)
_LISTENS = frozenset({"socket.bind"})

_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
_SYSTEM = ("/etc/localtime", "/etc/timezone", "/etc/os-release", "/usr/lib/os-release", "/usr/share/zoneinfo")
# Where a cloud's machine asks for its identity: a child has been given what it needs. The second is Azure's host to its machines.
_METADATA = (*map(ipaddress.ip_network, ("169.254.0.0/16", "168.63.129.16/32", "fe80::/10", "fd00:ec2::254/128")),)


class Denied(PermissionError):
    """A child wanted what it may not have. ``wanted`` completes "it wanted to …"."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"not allowed here: {wanted}")
        self.wanted = wanted


def install_guard(*, readable: Iterable[Path], writable: Iterable[Path], network: bool) -> None:
    """Hold this process to these folders and files, for good."""
    _Guard(readable=readable, writable=writable, network=network).install()


class _Guard:
    def __init__(self, *, readable: Iterable[Path], writable: Iterable[Path], network: bool) -> None:
        self._writable = _real(map(str, writable))
        self._readable = (*_real(map(str, readable)), *self._writable, *_real(_of_python()), *_real(_of_system()))
        self._modules = _real(sys.path)  # folders that are searched: their listing and their code, nothing else in them
        self._checks = self._checks_by_event(network=network)

    def install(self) -> None:
        # The function that starts programs asks no audit hook itself: only its callers do.
        _posixsubprocess.fork_exec = _refuse_start
        sys.addaudithook(self._ask)

    def _ask(self, event: str, arguments: tuple[Any, ...]) -> None:
        check = self._checks.get(event)
        if check is not None:
            check(arguments)

    def _checks_by_event(self, *, network: bool) -> dict[str, Callable[[tuple[Any, ...]], None]]:
        checks: dict[str, Callable[[tuple[Any, ...]], None]] = {"open": self._check_open}
        for event in _LISTS:
            checks[event] = self._check_list
        for event, places in _CHANGES.items():
            checks[event] = self._check_change(places)
        for event in _STARTS:
            checks[event] = _refuse_start
        for event in _NEVER | _LISTENS:
            checks[event] = _refuse(event)
        for event in _NETWORK:
            checks[event] = _check_address if network else _refuse(event)
        return checks

    def _check_open(self, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            return  # a file that is open already
        real = _resolve(path)
        writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITES)
        if writes:
            if real != os.devnull and not _below(real, self._writable):
                raise Denied(f"write {_shown(path)}")
        elif not (_below(real, self._readable) or self._is_code(real)):
            raise Denied(f"read {_shown(path)}")

    def _check_list(self, arguments: tuple[Any, ...]) -> None:
        path = arguments[0] if arguments and arguments[0] is not None else "."
        if isinstance(path, int):
            return
        if not _below(_resolve(path), (*self._readable, *self._modules)):
            raise Denied(f"list {_shown(path)}")

    def _check_change(self, places: tuple[int, ...]) -> Callable[[tuple[Any, ...]], None]:
        def check(arguments: tuple[Any, ...]) -> None:
            for path in (arguments[place] for place in places):
                # What is changed is the name, not what a link behind it leads to.
                if not isinstance(path, int) and not _below(_resolve_parent(path), self._writable):
                    raise Denied(f"change {_shown(path)}")

        return check

    def _is_code(self, real: str) -> bool:
        return real.endswith((".py", ".pyc", ".so")) and _below(real, self._modules)


def _check_address(arguments: tuple[Any, ...]) -> None:
    """Of a connection: to the network, never to a socket file of this machine."""
    if len(arguments) < 2 or isinstance(arguments[0], str | bytes):
        return  # looking up a name
    address = arguments[1]
    if not isinstance(address, tuple) or any(_number_of(str(address[0])) in network for network in _METADATA):
        raise Denied(f"connect to {address!r}")


def _number_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address, however it is written. Raises Denied for a name: whoever connects has looked it up."""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))  # 2852039166, 0xa9fea9fe
        except OSError:
            raise Denied(f"connect to {host!r}") from None
    return getattr(number, "ipv4_mapped", None) or number


def _refuse(event: str) -> Callable[[tuple[Any, ...]], None]:
    def refuse(_arguments: tuple[Any, ...]) -> None:
        raise Denied(event)

    return refuse


def _refuse_start(*arguments: Any) -> Any:
    raise Denied(f"start a program: {str(arguments)[:200]}")


def _of_python() -> Iterable[str]:
    """Python itself and what is installed beside it: code and data that are everybody's."""
    paths = sysconfig.get_paths()
    yield from (paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (path for path in sys.path if path.endswith(("/site-packages", "/dist-packages", "/lib-dynload")))
    yield sys.executable  # `platform` looks into it for the C library's version


def _of_system() -> Iterable[str]:
    """Certificates, time zones and the like."""
    yield from (*_DEVICES, *_SYSTEM, *map(str, mimetypes.knownfiles))
    trust = ssl.get_default_verify_paths()
    yield from (path for path in (trust.cafile, trust.capath, trust.openssl_cafile, trust.openssl_capath) if path)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"):
        if path := os.environ.get(name):
            yield path
    yield tempfile.gettempdir()  # by now the child's own


def _real(paths: Iterable[str]) -> tuple[str, ...]:
    real = (os.path.realpath(path) for path in paths if path)
    return tuple(path for path in real if path not in {"/", "/proc", "/sys", "/dev"})


def _resolve(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _resolve_parent(path: Any) -> str:
    folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 # links are resolved in the next line
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 # plain text, in the hook


def _below(real: str, roots: tuple[str, ...]) -> bool:
    return any(real == root or real.startswith(f"{root}/") for root in roots)


def _shown(path: Any) -> str:
    return repr(os.fsdecode(path))[:300]
