"""A notifier as a process of its own, to be killed: ``python -m tests.notifications.dying_notifier DATABASE_URL LEASE_SECONDS``."""

import sys
import threading
from datetime import timedelta

from pydantic import SecretStr

from app.database.connection import Database
from app.notifications.notifier import Notifier
from app.notifications.tables import Channel
from app.notifications.webhooks import WebhookSender
from app.settings import Settings
from tests.notifications.receiving import local_reach

if __name__ == "__main__":
    url, seconds = sys.argv[1:]
    database = Database(url)
    settings = Settings(database_url=url, signing_keys=SecretStr("k" * 40))
    senders = {Channel.WEBHOOK: WebhookSender(database, settings, rules=local_reach(seconds=60.0))}
    Notifier(database, senders, poll_seconds=0.02, lease=timedelta(seconds=float(seconds))).start()
    threading.Event().wait()
