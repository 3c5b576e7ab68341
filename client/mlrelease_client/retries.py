"""When a request is sent again.

Every request may be: a POST carries an idempotency key, so the service does once what it is asked for twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

AGAIN = frozenset({429, 502, 503, 504})  # what a proxy or a service that is starting answers


@dataclass(frozen=True)
class Retries:
    """``tries`` of each request. Seconds between them double from ``first`` to ``longest``.

    ``longest_asked``: seconds that the service may ask to wait with ``Retry-After``; who asks for more gets no further try.
    """

    tries: int = 5
    first: float = 0.25
    longest: float = 8.0
    longest_asked: float = 60.0

    def wait(self, tried: int, *, retry_after: str | None = None, now: datetime, jitter: float) -> float | None:
        """Seconds to wait after ``tried`` tries; None: no more. ``jitter`` from 0 to 1 makes it up to a quarter longer."""
        if tried >= self.tries:
            return None
        own = min(self.first * 2.0 ** (tried - 1), self.longest) * (1 + jitter / 4)
        asked = seconds_asked(retry_after, now=now)
        if asked is None:
            return own
        return max(own, asked) if asked <= self.longest_asked else None


def seconds_asked(retry_after: str | None, *, now: datetime) -> float | None:
    """Of the header ``Retry-After``: a number of seconds or a date (RFC 9110); None where it says neither."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
