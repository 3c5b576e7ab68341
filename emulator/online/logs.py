"""The logs of a deployment's containers."""

from pathlib import Path

from emulator.online import records
from emulator.online.refusals import Invalid
from emulator.state import Emulator
from emulator.store import Document

_FILES = {"inferenceserver": "inference-server.log", "storageinitializer": "storage-initializer.log"}


def folder(azure: Emulator, deployment: Document) -> Path:
    """Where a deployment keeps its files: logs, and one folder for each revision."""
    at = (deployment["workspace"], deployment["endpoint"], deployment["name"])
    return azure.data.joinpath("online", *(part.lower() for part in at))


def server_log(azure: Emulator, deployment: Document) -> Path:
    return folder(azure, deployment) / _FILES["inferenceserver"]


def storage_log(azure: Emulator, deployment: Document) -> Path:
    return folder(azure, deployment) / _FILES["storageinitializer"]


def read(azure: Emulator, deployment: Document, *, container: str | None, tail: int | None) -> str:
    """The last ``tail`` lines of a container's log, below the status of the instance, as Azure shows them."""
    name = (container or "InferenceServer").lower()
    if name not in _FILES:
        raise Invalid(
            f"The container type '{container}' is not InferenceServer or StorageInitializer.", field="containerType"
        )
    file = folder(azure, deployment) / _FILES[name]
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    if not lines:
        return "You must wait for the container to start before its logs can be read. Try again later.\n"
    shown = lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]
    return "\n".join([*_status(azure, deployment), "Container logs:", *shown, ""])


def _status(azure: Emulator, deployment: Document) -> list[str]:
    state = records.state(azure, deployment)
    started = {records.FAILED: "Failed", records.CREATING: "InProgress"}.get(state, "Succeeded")
    return [
        "Instance status:",
        "SystemSetup: Succeeded",
        "UserContainerImagePull: Succeeded",
        "ModelDownload: Succeeded",
        f"UserContainerStart: {started}",
        "",
    ]
