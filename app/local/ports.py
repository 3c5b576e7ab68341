"""TCP ports on this machine."""

import random
import socket

from app.errors import Misconfigured

LOOPBACK = "127.0.0.1"


# Below those that systems give to outgoing connections: one of these is not taken by chance before a server binds it.
_SERVERS = range(20_000, 32_000)


def free_port() -> int:
    """A port that nobody uses now, and that nobody but a server will."""
    for port in random.sample(_SERVERS, k=100):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise Misconfigured(
        f"No port from {_SERVERS.start} to {_SERVERS.stop} is free on {LOOPBACK}.",
        code="no_free_port",
        hint="Stop a program that uses one of them.",
    )


def require_free(port: int, *, host: str, setting: str) -> None:
    """Raise Misconfigured, naming the setting to change, when another program listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port that was closed a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise Misconfigured(
                f"Port {port} on {host} cannot be used: {(taken.strerror or str(taken)).lower()}.",
                code="port_in_use",
                hint=f"Stop the program that uses it (perhaps another mlrelease), or set {setting} to a free port.",
            ) from taken
