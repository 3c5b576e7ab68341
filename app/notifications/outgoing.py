"""One POST to an address that a user chose: no redirects, no private addresses, limited time and size."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpcore

from app.errors import Invalid
from app.notifications.addresses import Network, PinnedNetwork, Resolve, resolve, why_not
from app.notifications.sending import NotDelivered

SECONDS = 15.0  # for the whole exchange
MOST_BYTES = 64 * 1024  # of an answer with its headers: nobody reads it
LONGEST_URL = 2000


@dataclass(frozen=True)
class OutboundRules:
    """Which addresses this service may call, and how."""

    networks: tuple[Network, ...] = ()  # private ones that are allowed
    without_tls: bool = False
    seconds: float = SECONDS
    resolve: Resolve = resolve
    trust: ssl.SSLContext = field(default_factory=httpcore.default_ssl_context)


def check_url(url: str, *, networks: tuple[Network, ...] = (), without_tls: bool = False) -> None:
    """Refuse at once what could never be called. A name is judged when it is called: it may lead elsewhere by then.

    Raises Invalid.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as broken:
        raise _wrong(f"It cannot be parsed: {broken}.") from broken
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _wrong("It is too long or contains invalid characters.")
    if parts.scheme not in ({"https", "http"} if without_tls else {"https"}):
        raise _wrong("It does not start with https://.")
    if not host or port == 0:
        raise _wrong("It has no host.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _wrong("It contains a user, a password or a fragment.")
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return
    reason = why_not(address, allowed=networks)
    if reason is not None:
        raise _wrong(f"{address} {reason}.")


def post(url: str, content: bytes, *, headers: Mapping[str, str], rules: OutboundRules) -> int:
    """The status of a successful answer. Raises NotDelivered for everything else."""
    network = PinnedNetwork(allowed=rules.networks, seconds=rules.seconds, most_bytes=MOST_BYTES, resolve=rules.resolve)
    try:
        check_url(url, networks=rules.networks, without_tls=rules.without_tls)
        with httpcore.ConnectionPool(ssl_context=rules.trust, network_backend=network, http2=False) as pool:
            answer = pool.request("POST", url, headers=list(headers.items()), content=content)
    except Invalid as wrong:  # the settings have changed since it was made
        raise NotDelivered(wrong.sentence, code=wrong.code) from wrong
    except httpcore.TimeoutException as late:
        raise NotDelivered(f"There was no answer within {rules.seconds:g} s.", code="no_answer_in_time") from late
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as broken:
        raise NotDelivered(
            f"The connection failed: {broken or type(broken).__name__}.", code="connection_failed"
        ) from broken
    return _require_success(answer)


def _require_success(answer: httpcore.Response) -> int:
    status: int = answer.status
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        said = f"The answer was {status}, a redirect, which is not followed."
        raise NotDelivered(said, code="redirect_refused", answer=status)
    if status == 410:
        said = "The answer was 410: the receiver wants no more events."
        raise NotDelivered(said, code="gone", answer=status, for_good=True, closes=True)
    raise NotDelivered(f"The answer was {status}.", code="answer_refused", answer=status, wait=_retry_after(answer))


def _retry_after(answer: httpcore.Response) -> timedelta | None:
    given = next((value.decode("latin-1") for name, value in answer.headers if name.lower() == b"retry-after"), None)
    if given is None:
        return None
    if given.isascii() and given.isdecimal():
        return timedelta(seconds=min(int(given[:9]), 10**6))
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return moment - datetime.now(UTC) if moment.tzinfo is not None else None


def _wrong(why: str) -> Invalid:
    return Invalid(
        f"The address is not accepted. {why}",
        code="url_refused",
        hint="Use the https:// address of a public host. MLRELEASE_WEBHOOK_NETWORKS allows private networks.",
    )
