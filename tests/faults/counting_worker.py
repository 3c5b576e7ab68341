"""A worker that notes each time the guard of its requests is asked: ``python -m tests.faults.counting_worker FILE``."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app import worker
from app.azureml.client import AzureSettings, read_azure_settings


def count_asks(file: Path) -> None:
    """Append a byte to the file whenever the guard is asked, from now on."""
    lock = threading.Lock()

    def counted(settings: Any, *, before_request: Callable[[], None]) -> AzureSettings:
        def ask() -> None:
            with lock, file.open("ab") as noted:
                noted.write(b".")
            before_request()

        return read_azure_settings(settings, before_request=ask)

    vars(worker)["read_azure_settings"] = counted  # all else of the worker stays as it is


if __name__ == "__main__":
    count_asks(Path(sys.argv[1]))
    worker.work()
