"""The floor: bare DBOS, with the same workflows, queues and number of steps as a release of one stage, and nothing in them."""

import os
import secrets
import signal
import sys
import threading

from dbos import DBOS

from app.releasing.names import ENGINE_NAME, ENGINE_VERSION
from app.releasing.serialization import SERIALIZER
from app.settings import read_settings

STEPS = 10  # begin, the eight of a release in its first stage, finish
PREPARE, ROLLOUT = "bare_prepare", "bare_rollout"
TASKS, ROLLOUTS = "bare_tasks", "bare_rollouts"


def main() -> None:
    """Work until told to stop; says ``ready`` once it takes work."""
    settings = read_settings()
    DBOS(
        config={
            "name": ENGINE_NAME,
            "system_database_url": settings.database,
            "application_version": ENGINE_VERSION,
            "executor_id": f"bare-{secrets.token_hex(4)}",
            "serializer": SERIALIZER,
            "run_migrations": False,
            "log_level": "WARNING",
        }
    )

    @DBOS.workflow(name=PREPARE, max_recovery_attempts=None)
    def prepare(name: str) -> str:
        return DBOS.run_step({"name": "prepare"}, _nothing, name)

    @DBOS.workflow(name=ROLLOUT, max_recovery_attempts=None)
    def rollout(name: str) -> str:
        for number in range(STEPS):
            DBOS.run_step({"name": f"step{number}"}, _nothing, name)
        return "succeeded"

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    DBOS.launch()
    poll = settings.queue_poll_seconds
    DBOS.register_queue(ROLLOUTS, partition_concurrency=1, worker_concurrency=20, polling_interval_sec=poll)
    DBOS.register_queue(TASKS, worker_concurrency=8, polling_interval_sec=poll)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stop.wait()
    os._exit(0)


def _nothing(name: str) -> str:
    return name


if __name__ == "__main__":
    main()
