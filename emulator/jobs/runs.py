"""The record of a job: a pipeline, a step of one, or a command. Every change of status goes through ``move``.

A run's document lies at ("workspaces", workspace, "jobs", name):

    name, workspace, number     who it is; the number counts the workspace's runs
    kind                        Command | Pipeline
    parent, root, node          the pipeline it is a step of, the outermost one, the node's name there; parent and node are None at the top
    children                    names of the runs of its nodes, in the order they began
    sent                        the ARM properties as submitted; None for a step
    work                        what is to be done: see ``works`` (Command) and ``graph`` (Pipeline)
    status, error               Azure's status; {code, message} of a failure
    created, started, ended     when, as ARM writes times
    outputs                     name -> {type, uri, assetId}: where its outputs are
    experiment, displayName, description, tags, runProperties, archived, target, systemData
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from emulator import arm
from emulator.errors import NotFound
from emulator.jobs.statuses import Status
from emulator.state import Emulator
from emulator.store import Document

_NAMESPACE = uuid.UUID("7c4e1f0c-56a1-4d67-9b4b-2f5ad1c1b3aa")


def find(azure: Emulator, workspace: str, name: str) -> Document:
    """The run, or Azure's refusal."""
    run = azure.store.get("workspaces", workspace, "jobs", name)
    if run is None:
        raise NotFound(f"Run {name} was not found.", code="UserError")
    return run


def all_of(azure: Emulator, workspace: str) -> list[Document]:
    """Every run of a workspace, oldest first."""
    return azure.store.children("workspaces", workspace, "jobs")


def children(azure: Emulator, run: Document) -> list[Document]:
    """The runs of a pipeline's nodes, in the order in which they began."""
    found = [azure.store.get("workspaces", run["workspace"], "jobs", name) for name in run["children"]]
    return [child for child in found if child is not None]


def create(
    azure: Emulator,
    workspace: str,
    name: str,
    *,
    kind: str,
    work: Document,
    status: Status,
    by: str,
    parent: Document | None = None,
    node: str | None = None,
    **facts: Any,
) -> Document:
    """Write a new run; ``facts``: any other field of the document."""
    with azure.store.transaction():
        run = {
            "name": name,
            "workspace": workspace,
            "number": len(all_of(azure, workspace)) + 1,
            "kind": kind,
            "parent": None if parent is None else parent["name"],
            "root": name if parent is None else parent["root"],
            "node": node,
            "children": [],
            "sent": None,
            "work": work,
            "status": status,
            "error": None,
            "created": arm.now(),
            "started": None,
            "ended": None,
            "outputs": {},
            "experiment": "Default" if parent is None else parent["experiment"],
            "displayName": node or name,
            "description": None,
            "tags": {},
            "runProperties": {},
            "archived": False,
            "target": None,
            "systemData": {"createdAt": arm.now(), "createdBy": by, "createdByType": "User"},
            **facts,
        }
        _put(azure, run)
        if parent is not None:
            above = find(azure, workspace, parent["name"])
            _put(azure, {**above, "children": [*above["children"], name]})
    return run


def step_name(parent: Document, node: str) -> str:
    """The name of a node's run: the same again when the pipeline is begun again after a restart."""
    return str(uuid.uuid5(_NAMESPACE, f"{parent['workspace']}/{parent['name']}/{parent['created']}/{node}"))


def move(azure: Emulator, workspace: str, name: str, to: Status, *, error: Document | None = None) -> Document:
    """Give a run another status and stamp its times. What is final stays so; what is to be cancelled can only end."""
    with azure.store.transaction():
        run = find(azure, workspace, name)
        now = Status(run["status"])
        if now.is_final or (now is Status.CANCEL_REQUESTED and not to.is_final):
            return run
        moved = {**run, "status": to, "error": error}
        if to is Status.RUNNING:
            moved["started"] = run["started"] or arm.now()
        if to.is_final:
            moved["ended"] = arm.now()
        _put(azure, moved)
    return moved


def request_cancel(azure: Emulator, workspace: str, name: str) -> Document:
    """Ask a run, and every step of it that is not over, to be cancelled."""
    run = move(azure, workspace, name, Status.CANCEL_REQUESTED)
    for child in children(azure, run):
        request_cancel(azure, workspace, child["name"])
    return run


def note(azure: Emulator, workspace: str, name: str, **facts: Any) -> Document:
    """Record facts of a run other than its status."""
    if not facts.keys().isdisjoint({"status", "error", "started", "ended"}):
        raise ValueError("a status is changed by move()")
    with azure.store.transaction():
        run = {**find(azure, workspace, name), **facts}
        _put(azure, run)
    return run


def forget(azure: Emulator, run: Document) -> None:
    """Delete a run with its steps."""
    for child in children(azure, run):
        forget(azure, child)
    azure.store.delete("workspaces", run["workspace"], "jobs", run["name"])


def created_at(run: Document) -> float:
    """When a run was submitted, in seconds since 1970."""
    return _time(run["created"]).timestamp()


def seconds(run: Document) -> float | None:
    """How long a run took, or has been running."""
    if run["started"] is None:
        return None
    return (_time(run["ended"] or arm.now()) - _time(run["started"])).total_seconds()


def uuid_of(workspace: str, name: str) -> str:
    """The run's UUID, beside its name."""
    return str(uuid.uuid5(_NAMESPACE, f"{workspace}/runs/{name}".lower()))


def experiment_id(workspace: str, experiment: str) -> str:
    """The id that Azure gives an experiment: the same for the same name."""
    return str(uuid.uuid5(_NAMESPACE, f"{workspace}/experiments/{experiment}".lower()))


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _put(azure: Emulator, run: Document) -> None:
    azure.store.put("workspaces", run["workspace"], "jobs", run["name"], body=run)
