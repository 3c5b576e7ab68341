"""What the ways of delivery have in common: what they are handed, and how they say that it did not arrive."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from app.errors import MlreleaseError
from app.notifications.tables import Channel

Json = dict[str, Any]


class NotDelivered(MlreleaseError):
    """It did not arrive. ``answer``: the status, if there was one; ``for_good``: trying again would change nothing."""

    default_code: ClassVar[str] = "not_delivered"

    def __init__(
        self,
        sentence: str,
        *,
        code: str | None = None,
        answer: int | None = None,
        wait: timedelta | None = None,
        for_good: bool = False,
        closes: bool = False,
    ) -> None:
        super().__init__(sentence, code=code)
        self.answer = answer
        self.wait = wait  # what the receiver asked for
        self.for_good = for_good
        self.closes = closes  # the receiver wants nothing more, ever


@dataclass(frozen=True)
class DeliveryAttempt:
    """A delivery that is under way: a copy of its row. ``lease`` proves that it is still this process's to send."""

    id: int
    message_id: str
    channel: Channel
    recipient: str
    subject: str
    seq: int
    tries: int
    lease: str
    memory: Json

    @property
    def address(self) -> str:
        """The recipient without its channel."""
        return self.recipient.partition(":")[2]


@dataclass(frozen=True)
class Delivered:
    """It arrived. ``memory`` is kept for the next time that this message changes."""

    answer: int | None = None
    sentence: str = "Delivered."
    memory: Json | None = None


class Sender(Protocol):
    """One way of delivery. May be called again for the same parcel, in any process. Raises NotDelivered."""

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered: ...
