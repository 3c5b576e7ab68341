"""Carries out a command run: environment, code and inputs made ready, the process run, what it wrote kept."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from emulator.assets import codes, environments
from emulator.blob import files
from emulator.errors import AzureError, OperationFailed
from emulator.jobs import artifacts, inputs, outputs, registration, runs, variables
from emulator.jobs.bindings import render
from emulator.jobs.live import live
from emulator.jobs.process import run_command
from emulator.jobs.statuses import Status
from emulator.state import Emulator
from emulator.store import Document


@dataclass(frozen=True)
class Node:
    """The folders of a run on its node, gone when the run is over."""

    root: Path

    @property
    def code(self) -> Path:
        return self.root / "wd"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def make(self) -> None:
        """Begin with nothing, whatever an interrupted attempt left."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in (self.inputs, self.outputs, self.home):
            folder.mkdir(parents=True)


async def carry_out(azure: Emulator, workspace: Document, name: str) -> None:
    """Run a command run to its end. Raises OperationFailed when it fails and TimeoutError when its time is up."""
    at = workspace["name"]
    node = Node(azure.data / "jobs" / "nodes" / at.lower() / name)
    runs.move(azure, at, name, Status.QUEUED)
    async with live(azure).places:
        try:
            runs.move(azure, at, name, Status.PREPARING)
            run = runs.find(azure, at, name)

            _build_image(azure, at, run)
            await _execute(azure, workspace, run, node=node)
        finally:
            await asyncio.to_thread(shutil.rmtree, node.root, ignore_errors=True)


def _build_image(azure: Emulator, at: str, run: Document) -> None:
    """Check the environment, and leave the reason in the log that Azure's image builds write when it fails."""
    try:
        environments.check_image(azure, run["work"]["environment"], workspace=at)
    except OperationFailed as failure:
        log = artifacts.log_file(azure, workspace=at, run=run["name"], name=artifacts.IMAGE_LOG)
        artifacts.say(log, failure.message)
        raise


async def _execute(azure: Emulator, workspace: Document, run: Document, *, node: Node) -> None:
    at, name, work = workspace["name"], run["name"], run["work"]
    log = artifacts.log_file(azure, workspace=at, run=name, name=artifacts.STANDARD_LOG)
    log.write_bytes(b"")
    try:
        given, written, command = await asyncio.to_thread(_make_ready, azure, at, run, node)
        runs.move(azure, at, name, Status.RUNNING)
        status = await run_command(
            command,
            folder=node.code,
            log=log,
            environment=variables.of_run(azure, workspace, run, inputs=given, outputs=written, home=node.home),
            timeout=work["timeout"],
        )
    finally:
        if node.code.is_dir():
            await asyncio.to_thread(artifacts.keep, azure, workspace=at, run=name, working_directory=node.code)
    if status != 0:
        raise OperationFailed(
            "UserError",
            f"Execution failed. User process '{_program(command)}' exited with status code {status}. "
            f"Please check log file '{artifacts.STANDARD_LOG}' for error details. Error: {artifacts.tail(log)}",
        )
    runs.move(azure, at, name, Status.FINALIZING)
    await asyncio.to_thread(_upload, azure, at, run, node)
    await registration.register_outputs(azure, workspace, run)


def _make_ready(azure: Emulator, at: str, run: Document, node: Node) -> tuple[dict[str, str], dict[str, str], str]:
    """The node's folders filled; the values of inputs and outputs, and the command with them in it."""
    node.make()
    work = run["work"]
    if work["code"]:
        shutil.copytree(codes.content(azure, work["code"]), node.code)
    else:
        node.code.mkdir()
    artifacts.make_folders(node.code)
    try:
        given = {
            name: inputs.deliver(azure, workspace=at, name=name, given=each, folder=node.inputs / name)
            for name, each in work["inputs"].items()
        }
        written = {name: str(_place(azure, at, run, name, node)) for name in work["outputs"]}
        command = render(work["command"], inputs=given, outputs=written)
    except AzureError as refusal:
        raise OperationFailed("UserError", refusal.message) from refusal
    return given, written, command


def _place(azure: Emulator, at: str, run: Document, name: str, node: Node) -> Path | str:
    """What the command is told of an output: its place in storage, a folder to be uploaded from, or its URI."""
    asked, output = run["work"]["outputs"][name], run["outputs"][name]
    if asked["mode"] == "Direct":
        return str(output["uri"])
    final = outputs.prepare(azure, workspace=at, output=output, usual=asked["uri"] is None)
    if asked["mode"] != "Upload":
        return final
    beside = node.outputs / name
    if output["type"] == "uri_file":
        return beside
    beside.mkdir()
    return beside


def _upload(azure: Emulator, at: str, run: Document, node: Node) -> None:
    """Copy what was written to the node's disk to where it belongs."""
    for name, asked in run["work"]["outputs"].items():
        beside = node.outputs / name
        if asked["mode"] != "Upload" or not beside.exists():
            continue
        final = files.locate(azure, workspace=at, uri=run["outputs"][name]["uri"])
        if beside.is_dir():
            shutil.copytree(beside, final, dirs_exist_ok=True)
        else:
            shutil.copyfile(beside, final)


def _program(command: str) -> str:
    words = command.split()
    return words[0] if words else command
