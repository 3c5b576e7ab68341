"""What all senders have in common: their input, their result and their failure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from app.documents.json_object import Json
from app.errors import MlreleaseError
from app.notifications.tables import Channel


class NotDelivered(MlreleaseError):
    """The delivery failed. ``answer``: the HTTP status, if there was one; ``for_good``: another attempt cannot help."""

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
    """A delivery in progress: a copy of its row. ``lease`` proves that this process may send it."""

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
    """The delivery succeeded. ``memory`` is kept for the next update of the message."""

    answer: int | None = None
    sentence: str = "Delivered."
    memory: Json | None = None


class Sender(Protocol):
    """Sends through one channel. May be called again for the same delivery, in any process. Raises NotDelivered."""

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered: ...
