"""TCP ports on this machine."""

import socket

from app.errors import Misconfigured

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


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
                hint=f"Stop what listens there (perhaps another mlrelease), or set {setting} to a free port.",
            ) from taken
