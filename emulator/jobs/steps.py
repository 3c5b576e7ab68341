"""From a pipeline's node to the step it becomes: its component read, its inputs and outputs bound, its compute chosen."""

from dataclasses import dataclass
from graphlib import TopologicalSorter

from emulator.assets import find
from emulator.errors import BadRequest
from emulator.jobs import computes, graph, inputs, works
from emulator.jobs.bindings import fill_in
from emulator.state import Emulator
from emulator.store import Document


@dataclass(frozen=True)
class Step:
    """One node, bound: everything its run's record needs."""

    node: str
    kind: str  # Command | Pipeline
    work: Document
    feeds: dict[str, str]  # its output -> the output of the pipeline that it is
    target: str | None
    component: Document  # the component's version document

    @property
    def outputs(self) -> Document:
        outputs: Document = self.work["outputs"]
        return outputs


def bind(azure: Emulator, workspace: str, pipeline: Document, node: str, *, outputs: dict[str, Document]) -> Step:
    """The step of a node, given the outputs of the nodes before it. Raises BadRequest or NotFound as Azure refuses."""
    sent = pipeline["nodes"][node]
    component = find.version(azure, sent["componentId"], kind="components", workspace=workspace)
    spec = component["properties"]["componentSpec"]
    given = graph.bind_inputs(sent, graph=pipeline, outputs=outputs)
    given = graph.with_defaults(given, declared=spec.get("inputs") or {})
    written, feeds = graph.bind_outputs(sent, declared=spec.get("outputs") or {}, graph=pipeline)
    target = _target(sent, pipeline)
    computes.check(azure, workspace, target)
    kind = spec.get("type") or "command"
    if kind == "pipeline":
        nested = {
            "nodes": spec.get("jobs") or {},
            "inputs": given,
            "outputs": written,
            "settings": {**pipeline["settings"], "default_compute": target},
        }
        return Step(node, "Pipeline", nested, feeds, target, component)
    if kind != "command":
        raise BadRequest(
            f"Component '{spec.get('name')}' is of type '{kind}', which is not emulated.", code="NotEmulated"
        )
    work = works.of_component(spec, sent, inputs=given, outputs=written)
    return Step(node, "Command", work, feeds, target, component)


def rehearse(azure: Emulator, workspace: str, pipeline: Document) -> None:
    """Bind a whole pipeline without running anything, so that what cannot work is refused when it is submitted."""
    for each in pipeline["inputs"].values():
        inputs.check(azure, workspace=workspace, given=each)
    computes.check(azure, workspace, pipeline["settings"]["default_compute"])
    outputs: dict[str, Document] = {}
    for node in TopologicalSorter(graph.order(pipeline["nodes"])).static_order():
        step = bind(azure, workspace, pipeline, node, outputs=outputs)
        if step.kind == "Pipeline":
            rehearse(azure, workspace, step.work)
        else:
            for each in step.work["inputs"].values():
                if each["value"] != _LATER:
                    inputs.check(azure, workspace=workspace, given=each)
        outputs[node] = {name: {"type": each["type"], "uri": _LATER} for name, each in step.outputs.items()}


_LATER = "azureml://jobs/-/outputs/-/paths/"  # the place of what is not yet written


def _target(node: Document, pipeline: Document) -> str | None:
    target = node.get("computeId") or pipeline["settings"]["default_compute"]
    if target is None:
        return None
    literals = {name: each["value"] for name, each in pipeline["inputs"].items() if each["type"] == "literal"}
    return fill_in(str(target), parent_inputs=literals)
