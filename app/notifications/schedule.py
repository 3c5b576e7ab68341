"""When a failed delivery is tried again: soon, then with growing delays, for a day."""

from datetime import timedelta

from app.notifications.tables import Channel

_FOR_A_DAY = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=8),
)
# An answer to a button that was pressed helps nobody an hour later.
_FOR_A_MOMENT = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=30))

LONGEST_ASKED = timedelta(hours=1)  # that a receiver may ask us to wait


def next_wait(channel: Channel, tries: int, *, asked: timedelta | None = None, jitter: float = 0.0) -> timedelta | None:
    """How long to wait after ``tries`` tries; None: give it up.

    ``asked`` is the receiver's Retry-After; ``jitter`` from 0 to 1 adds up to a tenth, so that what failed together does not come
    back together.
    """
    waits = _FOR_A_MOMENT if channel is Channel.SLACK_REPLY else _FOR_A_DAY
    if tries > len(waits):
        return None
    wait = waits[tries - 1] * (1 + jitter / 10)
    return wait if asked is None else max(wait, min(asked, LONGEST_ASKED))
