"""Pipelines as data: order, inputs, outputs, settings."""

from typing import Any

import pytest

from emulator.errors import BadRequest
from emulator.jobs import graph, works


def node(component: str = "c", **inputs: str) -> dict[str, Any]:
    bound = {name: {"job_input_type": "literal", "value": value} for name, value in inputs.items()}
    return {"type": "command", "componentId": component, "inputs": bound}


def pipeline(nodes: dict[str, Any], **sent: Any) -> dict[str, Any]:
    return graph.of_pipeline_job({"jobs": nodes, **sent})


def test_node_waits_for_those_whose_outputs_it_takes() -> None:
    nodes = {"a": node(), "b": node(x="${{parent.jobs.a.outputs.o}}"), "c": node(x="${{parent.inputs.i}}")}
    assert graph.order(nodes) == {"a": set(), "b": {"a"}, "c": set()}


def test_pipeline_with_a_cycle_is_refused() -> None:
    nodes = {"a": node(x="${{parent.jobs.b.outputs.o}}"), "b": node(x="${{parent.jobs.a.outputs.o}}")}
    with pytest.raises(BadRequest, match="cycle"):
        graph.order(nodes)


def test_node_that_takes_from_an_unknown_one_is_refused() -> None:
    with pytest.raises(BadRequest, match="unknown nodes: ghost"):
        graph.order({"a": node(x="${{parent.jobs.ghost.outputs.o}}")})


@pytest.mark.parametrize("kind", ["sweep", "automl", "parallel", "spark", "if_else", "do_while"])
def test_node_of_a_kind_that_is_not_emulated_is_refused(kind: str) -> None:
    with pytest.raises(BadRequest, match=kind):
        graph.order({"a": {**node(), "type": kind}})


def test_inputs_are_bound_to_literals_pipeline_inputs_and_outputs_of_nodes() -> None:
    whole = pipeline(
        {"a": node()},
        inputs={
            "rate": {"jobInputType": "literal", "value": "0.1"},
            "data": {"jobInputType": "uri_file", "uri": "azureml://datastores/d/paths/x.csv", "mode": "Download"},
        },
    )
    taker = node(
        plain="7", rate="${{parent.inputs.rate}}", data="${{parent.inputs.data}}", model="${{parent.jobs.a.outputs.m}}"
    )
    outputs = {"a": {"m": {"type": "uri_folder", "uri": "azureml://datastores/d/paths/m/"}}}
    assert graph.bind_inputs(taker, graph=whole, outputs=outputs) == {
        "plain": {"type": "literal", "value": "7", "mode": None},
        "rate": {"type": "literal", "value": "0.1", "mode": None},
        "data": {"type": "uri_file", "value": "azureml://datastores/d/paths/x.csv", "mode": "Download"},
        "model": {"type": "uri_folder", "value": "azureml://datastores/d/paths/m/", "mode": None},
    }


def test_input_bound_to_an_absent_optional_one_is_left_out() -> None:
    assert graph.bind_inputs(node(x="${{parent.inputs.absent}}"), graph=pipeline({}), outputs={}) == {}


def test_input_bound_to_the_input_of_another_node_gets_its_value() -> None:
    whole = pipeline({"a": node(rate="0.5")})
    bound = graph.bind_inputs(node(mine="${{parent.jobs.a.inputs.rate}}"), graph=whole, outputs={"a": {}})
    assert bound == {"mine": {"type": "literal", "value": "0.5", "mode": None}}


def test_required_input_without_a_value_is_refused_and_defaults_are_filled_in() -> None:
    declared = {"n": {"type": "integer", "default": "3"}, "o": {"type": "string", "optional": "True"}}
    assert graph.with_defaults({}, declared=declared) == {"n": {"type": "literal", "value": "3", "mode": None}}
    with pytest.raises(BadRequest, match="'r' is not given"):
        graph.with_defaults({}, declared={"r": {"type": "uri_folder"}})


def test_output_bound_to_the_pipeline_takes_the_pipelines_place_and_mode() -> None:
    place = "azureml://datastores/d/paths/here/"
    whole = pipeline({}, outputs={"model": {"jobOutputType": "uri_folder", "uri": place, "mode": "Upload"}})
    sent = {"outputs": {"m": {"value": "${{parent.outputs.model}}", "type": "literal"}}}
    outputs, feeds = graph.bind_outputs(sent, declared={"m": {"type": "custom_model"}, "n": None}, graph=whole)
    assert feeds == {"m": "model"}
    assert (outputs["m"]["type"], outputs["m"]["uri"], outputs["m"]["mode"]) == ("custom_model", place, "Upload")
    assert (outputs["n"]["type"], outputs["n"]["uri"]) == ("uri_folder", None)


def test_output_bound_to_one_that_the_pipeline_has_not_is_refused() -> None:
    sent = {"outputs": {"m": {"value": "${{parent.outputs.ghost}}", "type": "literal"}}}
    with pytest.raises(BadRequest, match="no output 'ghost'"):
        graph.bind_outputs(sent, declared={}, graph=pipeline({}))


def test_settings_are_read_in_either_spelling() -> None:
    plain = graph.settings_of({"continue_on_step_failure": False, "force_rerun": True}, compute=None)
    camel = graph.settings_of({"ContinueOnStepFailure": "False", "ForceRerun": "True"}, compute=None)
    assert plain == camel == {"continue_on_step_failure": False, "force_rerun": True, "default_compute": None}


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("PT5M", 300), ("PT1H30S", 3630), ("P1DT1S", 86401), (7, 7), ("90", 90), (None, None)]
)
def test_timeout_is_read(timeout: Any, seconds: float | None) -> None:
    assert works.timeout_of({"timeout": timeout}) == seconds


@pytest.mark.parametrize("timeout", ["PT", "soon", "5 minutes"])
def test_timeout_that_is_no_duration_is_refused(timeout: str) -> None:
    with pytest.raises(BadRequest, match="not a duration"):
        works.timeout_of({"timeout": timeout})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"command": " "}, "Command field"),
        ({"environmentId": None}, "EnvironmentId field"),
        ({"command": "echo ${{inputs.ghost}}"}, "inputs that are not given: ghost"),
        ({"command": "echo ${{outputs.ghost}}"}, "outputs that are not defined: ghost"),
        ({"inputs": {"x": {"jobInputType": "uri_file", "uri": ""}}}, "Uri field"),
        ({"inputs": {"x": {"jobInputType": "cube", "uri": "u"}}}, "'cube' is not supported"),
        ({"distribution": {"distributionType": "PyTorch", "processCountPerInstance": 4}}, "not emulated"),
    ],
)
def test_command_job_that_cannot_run_is_refused(change: dict[str, Any], sentence: str) -> None:
    job = {"command": "true", "environmentId": "azureml:e:1"}
    works.of_command_job(job)
    with pytest.raises(BadRequest, match=sentence):
        works.of_command_job({**job, **change})
