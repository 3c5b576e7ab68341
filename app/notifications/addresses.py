"""Which addresses the service may call: an address that a user chose must not lead into its own network.

A name is looked up once, every address that it has is judged, and the connection goes to one of those very addresses: there is no
second lookup that could say something else. The name stays what it is for the Host header and for TLS.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore

from app.notifications.sending import NotDelivered

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

# They hand out credentials and configuration to whoever asks from inside: no setting opens the way to them.
METADATA = frozenset(
    map(
        ip_address,
        ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)
# Beside what Python's ipaddress knows, which differs from one of its versions to the next.
_SPECIAL: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system knows them. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def why_not(address: Address, *, allowed: Iterable[Network] = ()) -> str | None:
    """Why this address is not allowed; None: it is."""
    inner = _inner(address)
    if inner is not None:
        return why_not(inner, allowed=allowed)
    if address in METADATA:
        return "is the metadata service of a cloud"
    if _is_in(address, allowed):
        return None
    if address.is_loopback or address.is_unspecified:
        return "is this machine"
    if address.is_link_local:
        return "is a link-local address"
    if address.is_multicast:
        return "is a multicast address"
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo):
        return "contains another address"
    # Whatever is not meant for the whole internet: private, shared, reserved, for documentation or benchmarks.
    is_old_private = isinstance(address, IPv6Address) and address.is_site_local
    if not address.is_global or address.is_reserved or is_old_private or _is_in(address, _SPECIAL):
        return "is not a public address"
    return None


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that one of these IPv6 forms really leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    is_old_form = address in _COMPATIBLE and int(address) > 1  # :: and ::1 are themselves
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 or is_old_form else None


def addresses_of(host: str, port: int, *, allowed: Iterable[Network], resolve: Resolve) -> list[str]:
    """The addresses of a host, all of them allowed. Raises NotDelivered if one is not."""
    try:
        found = list(dict.fromkeys(resolve(host, port)))
    except (OSError, UnicodeError) as unknown:
        raise NotDelivered(f"{host} is not known to DNS ({unknown}).", code="host_unknown") from unknown
    if not found:
        raise NotDelivered(f"{host} has no address.", code="host_unknown")
    for address in found:
        # A scope (fe80::1%eth0) names an interface of this machine, and does not change what the address is.
        reason = why_not(ip_address(address.partition("%")[0]), allowed=allowed)
        if reason is not None:
            raise NotDelivered(f"{host} is not allowed: {address} {reason}.", code="address_refused")
    return found


class PinnedNetwork(httpcore.NetworkBackend):
    """Connects to judged addresses only, and bounds the whole exchange in time and in bytes that are read."""

    def __init__(
        self, *, allowed: Iterable[Network], seconds: float, most_bytes: int, resolve: Resolve = resolve
    ) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolve
        self._until = time.monotonic() + seconds
        self._most_bytes = most_bytes
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the whole exchange has one
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address that answers. Raises NotDelivered for one that is not allowed."""
        last: Exception | None = None
        for address in addresses_of(host, port, allowed=self._allowed, resolve=self._resolve):
            try:
                stream = self._sockets.connect_tcp(
                    address,
                    port,
                    timeout=_left(self._until),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as unanswered:
                last = unanswered
            else:
                return _Bounded(stream, until=self._until, most_bytes=self._most_bytes)
        assert last is not None, "a judged name has an address"
        raise last


class _Bounded(httpcore.NetworkStream):
    """A connection that ends at a moment, however slowly its bytes come, and after so many of them."""

    def __init__(self, stream: httpcore.NetworkStream, *, until: float, most_bytes: int) -> None:
        self._stream = stream
        self._until = until
        self._most_bytes = most_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the whole exchange has one
        content = self._stream.read(max_bytes, timeout=_left(self._until))
        self._most_bytes -= len(content)
        if self._most_bytes < 0:
            raise NotDelivered("The answer is too long.", code="answer_too_long")
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the whole exchange has one
        self._stream.write(buffer, timeout=_left(self._until))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the whole exchange has one
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname=server_hostname, timeout=_left(self._until))
        return _Bounded(stream, until=self._until, most_bytes=self._most_bytes)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the exchange took too long")
    return left
