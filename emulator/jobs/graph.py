"""A pipeline's nodes and what each of them waits for: the plain JSON in a pipeline run's ``work``.

nodes      name -> the node as submitted (componentId, inputs, outputs, computeId, …)
inputs     name -> {type, value, mode}, bound
outputs    name -> {type, mode, uri, assetName, assetVersion}
settings   continue_on_step_failure, force_rerun, default_compute
"""

import re
from graphlib import CycleError, TopologicalSorter

from emulator.errors import BadRequest
from emulator.jobs.bindings import FromNode, FromParent, parse_binding
from emulator.jobs.works import input_of, is_true, output_of
from emulator.store import Document

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# What a step is, in a node's ``type``. Everything else that Azure knows is refused by its name.
_KINDS = frozenset({"command", "pipeline"})


def of_pipeline_job(properties: Document) -> Document:
    """The graph that a pipeline job's ARM properties describe; its nodes may yet come from its component."""
    return {
        "nodes": properties.get("jobs") or {},
        "inputs": {name: input_of(each) for name, each in (properties.get("inputs") or {}).items() if each},
        "outputs": {name: output_of(each or {}) for name, each in (properties.get("outputs") or {}).items()},
        "settings": settings_of(properties.get("settings") or {}, compute=properties.get("computeId")),
    }


def settings_of(sent: Document, *, compute: str | None) -> Document:
    """A pipeline's settings, whichever way they are spelled."""
    plain = {_CAPITAL.sub("_", name).lower(): value for name, value in sent.items()}
    return {
        "continue_on_step_failure": is_true(plain.get("continue_on_step_failure"), default=True),
        "force_rerun": is_true(plain.get("force_rerun")),
        "default_compute": compute or plain.get("default_compute"),
    }


def with_defaults(bound: Document, *, declared: Document) -> Document:
    """Inputs completed by their declarations' defaults; BadRequest for one that is required and not given."""
    inputs = dict(bound)
    for name, each in (declared or {}).items():
        if name in inputs:
            continue
        if each.get("default") is not None:
            inputs[name] = {"type": "literal", "value": str(each["default"]), "mode": None}
        elif not is_true(each.get("optional")):
            raise BadRequest(f"The required input '{name}' is not given.", code="UserError")
    return inputs


def needs(node: Document) -> set[str]:
    """The nodes whose outputs this one takes."""
    found = set()
    for each in (node.get("inputs") or {}).values():
        binding = parse_binding((each or {}).get("value") if isinstance(each, dict) else each)
        if isinstance(binding, FromNode):
            found.add(binding.node)
    return found


def order(nodes: Document) -> dict[str, set[str]]:
    """Each node with the nodes it waits for; BadRequest for what cannot be run."""
    for name, node in nodes.items():
        if not isinstance(node, dict):
            raise BadRequest(f"Node '{name}' is not an object.", code="UserError")
        kind = node.get("type") or "command"
        if kind not in _KINDS:
            raise BadRequest(f"Node '{name}' is of type '{kind}', which is not emulated.", code="NotEmulated")
        if not node.get("componentId"):
            raise BadRequest(f"Node '{name}' has no componentId.", code="UserError")
    waits = {name: needs(node) for name, node in nodes.items()}
    for name, others in waits.items():
        if unknown := sorted(others - nodes.keys()):
            raise BadRequest(f"Node '{name}' takes outputs of unknown nodes: {', '.join(unknown)}.", code="UserError")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as cycle:
        raise BadRequest(f"The pipeline has a cycle: {' -> '.join(cycle.args[1])}.", code="UserError") from None
    return waits


def bind_inputs(node: Document, *, graph: Document, outputs: dict[str, Document]) -> Document:
    """A node's inputs with every binding replaced by its value; those bound to an optional input that is absent are left out.

    ``outputs``: of each node that is done, its outputs as in its run's record.
    """
    bound = {}
    for name, each in (node.get("inputs") or {}).items():
        if each is None:
            continue
        sent = each if isinstance(each, dict) else {"job_input_type": "literal", "value": each}
        match parse_binding(sent.get("value")):
            case FromParent("inputs", source):
                if source in graph["inputs"]:
                    bound[name] = _with_mode(graph["inputs"][source], sent)
            case FromNode(other, "outputs", source):
                written = outputs[other].get(source)
                if written is None:
                    raise BadRequest(f"Node '{other}' has no output '{source}'.", code="UserError")
                bound[name] = {"type": written["type"], "value": written["uri"], "mode": sent.get("mode")}
            case FromNode(other, "inputs", source):
                theirs = (graph["nodes"][other].get("inputs") or {}).get(source)
                bound |= bind_inputs({"inputs": {name: theirs}}, graph=graph, outputs=outputs)
            case None:
                bound[name] = input_of(sent)
            case FromParent():
                raise BadRequest(f"Input '{name}' is bound to an output of its own pipeline.", code="UserError")
    return bound


def bind_outputs(node: Document, *, declared: Document, graph: Document) -> tuple[Document, dict[str, str]]:
    """A node's outputs as works have them, and which of the pipeline's outputs each of them is."""
    outputs: Document = {}
    feeds: dict[str, str] = {}
    sent_outputs = node.get("outputs") or {}
    for name in {**(declared or {}), **sent_outputs}:
        kind = ((declared or {}).get(name) or {}).get("type")
        sent = sent_outputs.get(name) or {}
        sent = sent if isinstance(sent, dict) else {"value": sent}
        binding = parse_binding(sent.get("value"))
        plain = {key: value for key, value in sent.items() if key not in {"value", "type"}}
        outputs[name] = output_of({**plain, "type": kind} if kind else plain)
        if isinstance(binding, FromParent) and binding.direction == "outputs":
            above = graph["outputs"].get(binding.name)
            if above is None:
                raise BadRequest(f"The pipeline has no output '{binding.name}'.", code="UserError")
            feeds[name] = binding.name
            # The pipeline's own words about its output hold for whoever writes it.
            outputs[name]["uri"] = above["uri"] or outputs[name]["uri"]
            outputs[name]["mode"] = plain.get("mode") or above["mode"]
    return outputs, feeds


def _with_mode(value: Document, sent: Document) -> Document:
    return {**value, "mode": sent.get("mode") or value["mode"]}
