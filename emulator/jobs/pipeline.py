"""Carries out a pipeline: every node as soon as what it waits for is there, independent ones side by side."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from emulator.blob import files
from emulator.errors import AzureError, OperationFailed
from emulator.jobs import artifacts, computes, graph, outputs, registration, reuse, runs, steps
from emulator.jobs.statuses import Status
from emulator.jobs.works import is_true
from emulator.state import Emulator
from emulator.store import Document

Execute = Callable[[Emulator, Document, str], Awaitable[None]]


async def carry_out(azure: Emulator, workspace: Document, name: str, *, execute: Execute) -> None:
    """Run a pipeline run to its end; ``execute`` runs one step. Raises OperationFailed when a step failed."""
    at = workspace["name"]
    log = artifacts.log_file(azure, workspace=at, run=name, name=artifacts.PIPELINE_LOG)
    runs.move(azure, at, name, Status.PREPARING)
    run = runs.move(azure, at, name, Status.RUNNING)
    pipeline = Pipeline(azure, workspace, run, log, execute)
    await pipeline.run_nodes()
    if pipeline.failed:
        artifacts.say(log, f"Pipeline failed: {', '.join(pipeline.failed)} did not complete.")
        raise OperationFailed(
            "UserError", "Pipeline has some failed steps. See child run or execution logs for more details."
        )
    artifacts.say(log, "Finishing experiment: no runs left and nothing to schedule.")
    runs.move(azure, at, name, Status.FINALIZING)
    await registration.register_outputs(azure, workspace, runs.find(azure, at, name))


@dataclass
class Pipeline:
    """A pipeline run on its way."""

    azure: Emulator
    workspace: Document
    run: Document
    log: Path
    execute: Execute
    written: dict[str, Document] = field(default_factory=dict)  # node -> the outputs of its completed run
    failed: list[str] = field(default_factory=list)
    running: dict[asyncio.Task[None], str] = field(default_factory=dict)

    async def run_nodes(self) -> None:
        """All nodes in order. A failed one holds back those that wait for it, and everything else if the settings say so."""
        settings = self.run["work"]["settings"]
        sorter = TopologicalSorter(graph.order(self.run["work"]["nodes"]))
        sorter.prepare()
        try:
            while True:
                if not self.failed or settings["continue_on_step_failure"]:
                    for node in sorter.get_ready():
                        self.running[asyncio.create_task(self._run_node(node))] = node
                elif self.running:
                    self._cancel_the_rest()
                if not self.running:
                    return
                finished, _ = await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    node = self.running.pop(task)
                    if self._completed(task, node):
                        sorter.done(node)
        finally:
            for task in self.running:
                task.cancel()
            if self.running:
                await asyncio.wait(self.running)

    async def _run_node(self, node: str) -> None:
        child = self._child(node)
        if Status(child["status"]).is_final:
            return  # it was over before a restart, or an earlier run's outputs were taken
        artifacts.say(self.log, f"Submitting 1 runs, first five are: {node}:{child['name']}")
        await self.execute(self.azure, self.workspace, child["name"])

    def _child(self, node: str) -> Document:
        """The run of a node, written if it is not there yet."""
        name = runs.step_name(self.run, node)
        there = self.azure.store.get("workspaces", self.workspace["name"], "jobs", name)
        if there is not None:
            return there
        step = steps.bind(self.azure, self.workspace["name"], self.run["work"], node, outputs=self.written)
        twin = None if self.run["work"]["settings"]["force_rerun"] else self._twin(step)
        child = runs.create(
            self.azure,
            self.workspace["name"],
            name,
            kind=step.kind,
            work=step.work,
            status=Status.NOT_STARTED,
            by=self.run["systemData"]["createdBy"],
            parent=self.run,
            node=node,
            displayName=self.run["work"]["nodes"][node].get("display_name") or node,
            description=self.run["work"]["nodes"][node].get("description"),
            tags=self.run["work"]["nodes"][node].get("tags") or {},
            target=computes.name_of(step.target),
            outputs={} if step.kind == "Pipeline" else outputs.place(self.workspace, name, step.outputs),
            runProperties=_properties(self.run, step),
        )
        return child if twin is None else self._take_over(child, twin)

    def _twin(self, step: steps.Step) -> Document | None:
        """An earlier run that did the same, if its outputs are still there."""
        twin = (
            None
            if step.kind == "Pipeline"
            else reuse.earlier(self.azure, workspace=self.run["workspace"], work=step.work)
        )
        if twin is None:
            return None
        try:
            for output in twin["outputs"].values():
                files.resolve(self.azure, workspace=self.run["workspace"], uri=output["uri"])
        except AzureError:
            return None
        return twin

    def _take_over(self, child: Document, twin: Document) -> Document:
        artifacts.say(self.log, f"Completing processing run id {child['name']}: it reuses run {twin['name']}.")
        reused = {
            "azureml.isreused": "true",
            "azureml.reusedrunid": twin["name"],
            "azureml.reusedpipelinerunid": twin["parent"],
            "azureml.reusedpipeline": twin["root"],
        }
        at = child["workspace"]
        runs.note(
            self.azure,
            at,
            child["name"],
            outputs=twin["outputs"],
            runProperties={**child["runProperties"], **reused},
        )
        runs.move(self.azure, at, child["name"], Status.RUNNING)
        return runs.move(self.azure, at, child["name"], Status.COMPLETED)

    def _completed(self, task: asyncio.Task[None], node: str) -> bool:
        """Take note of how a node ended; whether those that wait for it may begin."""
        broken = None if task.cancelled() else task.exception()
        if isinstance(broken, AzureError):  # what an earlier step wrote does not fit
            artifacts.say(self.log, f"Node {node} cannot be run: {broken.message}")
            self.failed.append(node)
            return False
        if broken is not None:
            self._cancel_the_rest()
            raise broken
        at = self.run["workspace"]
        child = runs.find(self.azure, at, runs.step_name(self.run, node))
        if child["status"] != Status.COMPLETED:
            artifacts.say(self.log, f"Run {child['name']} of node {node} ended: {child['status']}.")
            self.failed.append(node)
            return False
        artifacts.say(self.log, f"Completing processing run id {child['name']}.")
        self.written[node] = child["outputs"]
        if child["kind"] == "Command" and not is_true(child["runProperties"].get("azureml.isreused")):
            reuse.remember(self.azure, child)
        self._hand_up(node, child)
        return True

    def _hand_up(self, node: str, child: Document) -> None:
        """Give the pipeline those of its outputs that this node was to write."""
        at, name = self.run["workspace"], self.run["name"]
        declared = {output: {"type": each["type"]} for output, each in child["work"]["outputs"].items()}
        _, feeds = graph.bind_outputs(self.run["work"]["nodes"][node], declared=declared, graph=self.run["work"])
        with self.azure.store.transaction():
            now = runs.find(self.azure, at, name)["outputs"]
            for source, output in feeds.items():
                if source in child["outputs"]:
                    theirs = child["outputs"][source]
                    own = outputs.asset_id(self.workspace, name, output, kind=theirs["type"])
                    now = {**now, output: {**theirs, "assetId": own}}
            runs.note(self.azure, at, name, outputs=now)

    def _cancel_the_rest(self) -> None:
        at = self.run["workspace"]
        for task, node in self.running.items():
            child = runs.step_name(self.run, node)
            if (
                self.azure.store.get("workspaces", at, "jobs", child) is not None
            ):  # one that could not be bound has none
                runs.request_cancel(self.azure, at, child)
            task.cancel()


def _properties(pipeline: Document, step: steps.Step) -> dict[str, str]:
    spec = step.component["properties"]["componentSpec"]
    return {
        "azureml.DevPlatv2": "true",
        "azureml.runsource": "azureml.StepRun" if step.kind == "Command" else "azureml.PipelineRun",
        "azureml.nodeid": runs.step_name(pipeline, step.node)[:8],
        "azureml.moduleid": str(step.component["version"]),
        "azureml.moduleName": str(spec.get("name") or step.component["name"]),
        "azureml.moduleVersion": str(spec.get("version") or "1"),
        "azureml.pipelinerunid": pipeline["name"],
        "azureml.pipeline": pipeline["name"],
        "azureml.rootpipelinerunid": pipeline["root"],
        "StepType": "PythonScriptStep",
        "ComputeTargetType": "AmlCompute",
    }
