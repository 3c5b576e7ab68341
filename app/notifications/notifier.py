"""The notifier of a worker process: turns events into deliveries, and sends those that are due.

It does not use the engine: a delivery is one row that is retried for a day, and a workflow for each would cost more.
"""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import structlog

from app.database.connection import Database
from app.database.watch import Look
from app.errors import Unavailable
from app.events.work import UnitOfWork, transact
from app.identity.actor import SERVICE
from app.notifications import deliveries
from app.notifications.deliveries import LEASE
from app.notifications.dispatch import Announcer, anything_new, dispatch
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered, Sender
from app.notifications.service import disable_webhook
from app.notifications.tables import Channel, DeliveryStatus

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 16  # deliveries that one worker has under way at once
KEEP = timedelta(days=30)  # what was delivered
LONGEST_SECONDS = 2.0  # between two looks, though nothing was changed: what failed is sent again after minutes
DELETE_EVERY = timedelta(hours=1)


class Notifier:
    """The notifier of one worker. Several share the work through the leases of deliveries."""

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
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="notifier")
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._deleted_at = datetime.min.replace(tzinfo=UTC)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more deliveries. Those in progress go on; another worker repeats those that do not finish."""
        self._stopping.set()
        self._wake.set()

    def wait_until_stopped(self) -> None:
        """After ``stop``: wait until the deliveries in progress have finished."""
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        look = Look(self._database.watch, seconds=LONGEST_SECONDS)
        while not self._stopping.is_set():
            is_woken = self._wake.is_set()
            self._wake.clear()
            try:
                if look.is_time() or is_woken:
                    self._run_once()
            except Unavailable as away:
                log.warning("notifier_retries", error=str(away))
            except Exception:
                # Whatever one round ran into: without this thread nobody would be told anything, and nobody would know.
                log.exception("notifier_failed")
            self._wake.wait(self._poll_seconds)

    def _run_once(self) -> None:
        with self._database.read() as session:
            is_new, is_due = anything_new(session), deliveries.anything_due(session)
        if is_new:
            while self._database.transact(lambda session: dispatch(session, self._announcers)):
                is_due = True
        if is_due:
            self._deliver()
        self._delete_old(self._database.now())

    def _deliver(self) -> None:
        with self._lock:
            busy = frozenset(self._busy)
        if len(busy) >= MOST_AT_ONCE:
            return
        attempts = self._database.transact(
            lambda session: deliveries.take(session, most=MOST_AT_ONCE - len(busy), busy=busy, lease=self._lease)
        )
        with self._lock:
            self._busy |= {attempt.recipient for attempt in attempts}
        for attempt in attempts:
            self._pool.submit(self._deliver_one, attempt)

    def _deliver_one(self, attempt: DeliveryAttempt) -> None:
        try:
            self._send_and_record(attempt)
        except Unavailable as away:
            # Sent or not, it is sent again once its lease has run out.
            log.warning("delivery_not_recorded", message=attempt.message_id, error=str(away))
        except Exception:
            log.exception("delivery_failed", message=attempt.message_id)
        finally:
            with self._lock:
                self._busy.discard(attempt.recipient)
            self._wake.set()

    def _send_and_record(self, attempt: DeliveryAttempt) -> None:
        try:
            done = self._send(attempt)
        except NotDelivered as why:
            self._mark_not_delivered(attempt, why)
            return
        self._database.transact(lambda session: deliveries.mark_delivered(session, attempt, done))
        log.info("delivered", message=attempt.message_id, recipient=attempt.recipient)

    def _send(self, attempt: DeliveryAttempt) -> Delivered:
        sender = self._senders.get(attempt.channel)
        if sender is None:
            raise NotDelivered(f"{attempt.channel.value} is not configured on this worker.", code="channel_not_set_up")
        try:
            return sender(attempt, now=self._database.now())
        except (NotDelivered, Unavailable):
            raise
        except Exception as broken:
            log.exception("sender_failed", message=attempt.message_id)
            raise NotDelivered(f"Sending failed: {type(broken).__name__}.", code="internal_error") from broken

    def _mark_not_delivered(self, attempt: DeliveryAttempt, why: NotDelivered) -> None:
        jitter = random.random()  # noqa: S311 - spreads load, guards nothing
        status = self._database.transact(
            lambda session: deliveries.mark_not_delivered(session, attempt, why, jitter=jitter)
        )
        dead = status is DeliveryStatus.DEAD
        (log.error if dead else log.warning)(
            "delivery_dead" if dead else "not_delivered",
            message=attempt.message_id,
            recipient=attempt.recipient,
            code=why.code,
            error=why.sentence,
        )
        if why.closes and status is not None:
            transact(
                lambda: UnitOfWork(self._database, SERVICE),
                lambda work: disable_webhook(work, attempt.address, because=why.sentence),
            )

    def _delete_old(self, now: datetime) -> None:
        if now - self._deleted_at < DELETE_EVERY:
            return
        self._deleted_at = now
        self._database.transact(lambda session: deliveries.delete_delivered(session, before=now - KEEP))
