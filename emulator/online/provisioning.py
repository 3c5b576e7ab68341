"""The long-running operations of endpoints and deployments. Each may be cut off at any moment and begun again."""

import asyncio
import shutil

from emulator.assets import environments
from emulator.errors import OperationFailed
from emulator.online import contents, records, runtime
from emulator.online.fleet import Fleet
from emulator.online.refusals import TROUBLESHOOTING
from emulator.online.replica import Crashed, NotReadyInTime
from emulator.state import Emulator
from emulator.store import Document


def register(azure: Emulator) -> None:
    """Tell what the operations of this room do, and under which names their delays are set."""

    async def provision_endpoint(workspace: str, endpoint: str, revision: int) -> None:
        with azure.store.transaction():
            document = _unchanged(records.endpoint(azure, workspace, endpoint), revision)
            document["_"]["provisioned"] = True
            document["_"]["routing"] = {key: document["properties"][key] for key in ("traffic", "mirrorTraffic")}
            records.save_endpoint(azure, document)

    async def provision_deployment(workspace: str, endpoint: str, deployment: str, revision: int) -> None:
        await _provision(azure, _at(azure, workspace, endpoint, deployment, revision), revision)

    async def delete_endpoint(workspace: str, endpoint: str) -> None:
        await _delete_endpoint(azure, workspace, endpoint)

    async def delete_deployment(workspace: str, endpoint: str, deployment: str) -> None:
        await runtime.of(azure).remove((workspace.lower(), endpoint.lower(), deployment.lower()))
        # Before the document goes: as soon as it has, the name may be used again, and the files are the next one's.
        await asyncio.to_thread(runtime.forget_files, azure, workspace, endpoint, deployment)
        _remove(azure, workspace, endpoint, deployment)

    azure.operations.register("oeidp", provision_endpoint, delay="endpoint")
    azure.operations.register("oeidp-update", provision_endpoint, delay="endpoint_update")
    azure.operations.register("oeidp-delete", delete_endpoint, delay="delete")
    azure.operations.register("odidp", provision_deployment, delay="deployment")
    azure.operations.register("odidp-delete", delete_deployment, delay="delete")


async def restore(azure: Emulator, deployment: Document) -> None:
    """After a restart: bring back what served. A script that fails now is tried again, as any container that crashes."""
    running, key = runtime.of(azure), runtime.key(deployment)
    try:
        fleet = Fleet(contents.container(azure, deployment, deployment["_"]["serving"]))
        running.serving[key] = fleet
        await fleet.start(patient=True)
    finally:
        running.returning.pop(key).set()


async def _provision(azure: Emulator, deployment: Document, revision: int) -> None:
    """Build, mount, start, take over: the narrative of a deployment."""
    if deployment["_"]["serving"] and deployment["_"]["serving"]["revision"] == revision:
        return  # the emulator ended right after this revision had taken over
    folder = contents.revision_folder(azure, deployment, revision)
    try:
        await asyncio.to_thread(environments.check_image, azure, deployment["properties"]["environmentId"])
        await asyncio.to_thread(contents.mount, azure, deployment, revision=revision)
        serving = {
            "revision": revision,
            "properties": deployment["properties"],
            "instances": deployment["sku"]["capacity"],
        }
        fleet = await _started(azure, deployment, serving)
        try:
            before = _take_over(azure, deployment, serving)
        except OperationFailed:
            await fleet.stop()
            raise
    except OperationFailed:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise
    await runtime.of(azure).replace(runtime.key(deployment), fleet)
    if before is not None:
        old = contents.revision_folder(azure, deployment, before["revision"])
        await asyncio.to_thread(shutil.rmtree, old, ignore_errors=True)


async def _started(azure: Emulator, deployment: Document, serving: Document) -> Fleet:
    """The fleet, ready for requests; Azure's failure when the score script does not come up."""
    running, key = runtime.of(azure), runtime.key(deployment)
    fleet = Fleet(contents.container(azure, deployment, serving))
    running.starting[key] = fleet
    try:
        await fleet.start()
    except (Crashed, NotReadyInTime) as failure:
        if running.closing:
            await (
                asyncio.Event().wait()
            )  # the emulator is ending, not the script: this operation is begun again next time
        _at(azure, *_names(deployment), serving["revision"])
        what = (
            "User container has crashed or terminated."
            if isinstance(failure, Crashed)
            else "Readiness probe failed: the container did not become ready in time."
        )
        raise OperationFailed("ResourceNotReady", f"{what} {TROUBLESHOOTING}#error-resourcenotready") from None
    finally:
        if running.starting.get(key) is fleet:  # not that of a later one of this name
            del running.starting[key]
    return fleet


def _take_over(azure: Emulator, deployment: Document, serving: Document) -> Document | None:
    """Write down that this revision serves from now on; what served before."""
    with azure.store.transaction():
        document = _at(azure, *_names(deployment), serving["revision"])
        before: Document | None = document["_"]["serving"]
        document["_"]["serving"] = serving
        records.save_deployment(azure, document)
    return before


def _remove(azure: Emulator, workspace: str, endpoint: str, deployment: str) -> None:
    """Delete a deployment's document and its name in the traffic rules, where it may stand with 0."""
    with azure.store.transaction():
        azure.store.delete("workspaces", workspace, "endpoints", endpoint, "deployments", deployment)
        parent = records.endpoint(azure, workspace, endpoint)
        if parent is not None:
            for rules in (parent["properties"], parent["_"]["routing"]):
                for kind in ("traffic", "mirrorTraffic"):
                    rules[kind] = {name: n for name, n in rules[kind].items() if name.lower() != deployment.lower()}
            records.save_endpoint(azure, parent)


async def _delete_endpoint(azure: Emulator, workspace: str, endpoint: str) -> None:
    running = runtime.of(azure)
    for each in records.deployments(azure, workspace, endpoint):
        await running.remove(runtime.key(each))
    running.metrics.forget(workspace, endpoint)
    await asyncio.to_thread(runtime.forget_files, azure, workspace, endpoint)
    document = records.endpoint(azure, workspace, endpoint)
    with azure.store.transaction():
        if document is not None:
            azure.store.delete("regions", document["location"], "endpoints", endpoint)
        azure.store.delete("workspaces", workspace, "endpoints", endpoint)


def _names(deployment: Document) -> tuple[str, str, str]:
    return deployment["workspace"], deployment["endpoint"], deployment["name"]


def _at(azure: Emulator, workspace: str, endpoint: str, deployment: str, revision: int) -> Document:
    return _unchanged(records.deployment(azure, workspace, endpoint, deployment), revision)


def _unchanged(document: Document | None, revision: int) -> Document:
    """The document, if it still is what this operation was begun for."""
    if document is None or document["_"]["revision"] != revision:
        raise OperationFailed(
            "OperationCanceled", "Operation was canceled by another operation that has a higher priority."
        )
    return document
