"""The courier of a worker process: turns events into deliveries, and delivers what is due, beside everything else.

It is no workflow of the engine: a delivery is one row that is tried again for a day, and a parked workflow for each would be dear.
"""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import structlog

from app.database.connection import Database
from app.errors import Unavailable
from app.notifications import deliveries
from app.notifications.deliveries import LEASE
from app.notifications.dispatch import Announcer, anything_new, dispatch
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered, Sender
from app.notifications.service import disable_webhook
from app.notifications.tables import Channel, DeliveryStatus

log = structlog.get_logger(__name__)

HANDS = 16  # deliveries that one worker has under way at once
KEEP = timedelta(days=30)  # what was delivered
TIDY_EVERY = timedelta(hours=1)


class Courier:
    """One worker's. Several share the work through the leases of deliveries."""

    def __init__(
        self,
        database: Database,
        senders: Mapping[Channel, Sender],
        announcers: Sequence[Announcer] = (),
        *,
        poll_seconds: float,
        lease: timedelta = LEASE,
    ) -> None:
        self._database = database
        self._senders = senders
        self._announcers = announcers
        self._poll_seconds = poll_seconds
        self._lease = lease
        self._busy: set[str] = set()  # recipients that something is on its way to
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="courier")
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._tidied = datetime.min.replace(tzinfo=UTC)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more. What is on its way goes on, and is sent again by another worker if it does not come to its end."""
        self._stopping.set()
        self._wake.set()

    def wait_until_stopped(self) -> None:
        """After ``stop``: until what was on its way has come to its end."""
        self._thread.join()
        self._hands.shutdown()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._round()
            except Unavailable as away:
                log.warning("courier_waits", error=str(away))
            except Exception:
                # Whatever one round ran into: without this thread nobody would be told anything, and nobody would know.
                log.exception("courier_round_broke")
            self._wake.wait(self._poll_seconds)

    def _round(self) -> None:
        with self._database.read() as session:
            is_new, is_due = anything_new(session), deliveries.anything_due(session)
        if is_new:
            while self._database.transact(lambda session: dispatch(session, self._announcers)):
                is_due = True
        if is_due:
            self._deliver()
        self._tidy(self._database.now())

    def _deliver(self) -> None:
        with self._lock:
            busy = frozenset(self._busy)
        if len(busy) >= HANDS:
            return
        parcels = self._database.transact(
            lambda session: deliveries.take(session, most=HANDS - len(busy), busy=busy, lease=self._lease)
        )
        with self._lock:
            self._busy |= {parcel.recipient for parcel in parcels}
        for parcel in parcels:
            self._hands.submit(self._carry, parcel)

    def _carry(self, parcel: DeliveryAttempt) -> None:
        try:
            self._carry_out(parcel)
        except Unavailable as away:
            # Sent or not, it is sent again once its lease has run out.
            log.warning("delivery_not_ended", message=parcel.message_id, error=str(away))
        except Exception:
            log.exception("delivery_broke", message=parcel.message_id)
        finally:
            with self._lock:
                self._busy.discard(parcel.recipient)
            self._wake.set()

    def _carry_out(self, parcel: DeliveryAttempt) -> None:
        try:
            done = self._send(parcel)
        except NotDelivered as why:
            self._end_badly(parcel, why)
            return
        self._database.transact(lambda session: deliveries.end_well(session, parcel, done))
        log.info("delivered", message=parcel.message_id, recipient=parcel.recipient)

    def _send(self, parcel: DeliveryAttempt) -> Delivered:
        sender = self._senders.get(parcel.channel)
        if sender is None:
            raise NotDelivered(f"{parcel.channel.value} is not set up on this worker.", code="channel_not_set_up")
        try:
            return sender(parcel, now=self._database.now())
        except (NotDelivered, Unavailable):
            raise
        except Exception as broken:
            log.exception("sender_broke", message=parcel.message_id)
            raise NotDelivered(f"Sending broke: {type(broken).__name__}.", code="internal_error") from broken

    def _end_badly(self, parcel: DeliveryAttempt, why: NotDelivered) -> None:
        jitter = random.random()  # noqa: S311 - spreads load, guards nothing
        status = self._database.transact(lambda session: deliveries.end_badly(session, parcel, why, jitter=jitter))
        dead = status is DeliveryStatus.DEAD
        (log.error if dead else log.warning)(
            "delivery_dead" if dead else "not_delivered",
            message=parcel.message_id,
            recipient=parcel.recipient,
            code=why.code,
            error=why.sentence,
        )
        if why.closes and status is not None:
            now = self._database.now()
            self._database.transact(
                lambda session: disable_webhook(session, parcel.address, because=why.sentence, now=now)
            )

    def _tidy(self, now: datetime) -> None:
        if now - self._tidied < TIDY_EVERY:
            return
        self._tidied = now
        self._database.transact(lambda session: deliveries.forget_delivered(session, before=now - KEEP))
