"""What a connection leaves behind: nothing."""

import threading
import time
from pathlib import Path

from app.azureml.endpoints import begin_create_endpoint, begin_delete_endpoint, get_endpoint
from app.azureml.facade import AzureML
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator


def test_operation_that_is_not_waited_for_leaves_no_poller(
    azure: AzureML, emulator: RunningEmulator, tmp_path: Path
) -> None:
    emulator.delay(endpoint=30)
    file = tmp_path / "endpoint.yml"
    file.write_text("auth_mode: key\n")

    begin_create_endpoint(azure, DEV, "left-alone", file=file, tags={})

    until = time.monotonic() + 10
    while any(thread.name.startswith("LROPoller") for thread in threading.enumerate()):
        assert time.monotonic() < until, "a poller goes on in the background"
        time.sleep(0.05)
    half_made = get_endpoint(azure, DEV, "left-alone")
    assert half_made is not None
    assert half_made.state == "creating"
    emulator.heal()
    begin_delete_endpoint(azure, DEV, "left-alone")
