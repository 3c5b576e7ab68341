"""Azure ML's expressions in commands and between nodes."""

import pytest

from emulator.errors import BadRequest
from emulator.jobs.bindings import FromNode, FromParent, fill_in, parse_binding, referenced, render


def test_command_with_inputs_and_outputs_is_filled_in() -> None:
    command = "python train.py --data ${{inputs.data}} --out ${{ outputs.model }}/m.pkl"
    rendered = render(command, inputs={"data": "/in"}, outputs={"model": "/out"})
    assert rendered == "python train.py --data /in --out /out/m.pkl"


def test_optional_part_with_all_inputs_given_is_kept() -> None:
    assert render("run $[[--rate ${{inputs.rate}}]]", inputs={"rate": "0.1"}, outputs={}) == "run --rate 0.1"


@pytest.mark.parametrize(
    "command", ["run $[[--rate ${{inputs.rate}}]]", "run $[[--a ${{inputs.a}} --rate ${{inputs.rate}}]]"]
)
def test_optional_part_with_an_input_missing_is_left_out(command: str) -> None:
    assert render(command, inputs={"a": "1"}, outputs={}) == "run "


def test_optional_part_over_several_lines_is_left_out_whole() -> None:
    assert render("run $[[--rate\n${{inputs.rate}}]] now", inputs={}, outputs={}) == "run  now"


@pytest.mark.parametrize("command", ["${{inputs.absent}}", "${{outputs.absent}}", "${{secrets.key}}"])
def test_expression_without_a_value_is_refused(command: str) -> None:
    with pytest.raises(BadRequest, match="has no value"):
        render(command, inputs={}, outputs={})


def test_shell_variables_are_left_alone() -> None:
    assert render("echo $HOME ${USER} $(date)", inputs={}, outputs={}) == "echo $HOME ${USER} $(date)"


def test_names_that_a_command_speaks_of_are_told_apart() -> None:
    command = "p ${{inputs.a}} $[[--b ${{inputs.b}}]] ${{outputs.c}}"
    assert referenced(command) == ({"a"}, {"b"}, {"c"})


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("${{parent.inputs.rate}}", FromParent("inputs", "rate")),
        ("${{parent.inputs.group.rate}}", FromParent("inputs", "group.rate")),
        ("${{parent.outputs.model}}", FromParent("outputs", "model")),
        ("${{ parent.jobs.train.outputs.model }}", FromNode("train", "outputs", "model")),
        ("${{parent.jobs.train.inputs.rate}}", FromNode("train", "inputs", "rate")),
        ("0.1", None),
        ("prefix-${{parent.inputs.rate}}", None),
        (None, None),
    ],
)
def test_binding_is_read(text: str | None, binding: object) -> None:
    assert parse_binding(text) == binding


@pytest.mark.parametrize("text", ["${{inputs.rate}}", "${{parent.rate}}", "${{parent.jobs.train.model}}"])
def test_binding_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="not valid"):
        parse_binding(text)


def test_compute_bound_to_an_input_of_the_pipeline_is_filled_in() -> None:
    assert fill_in("${{parent.inputs.where}}", parent_inputs={"where": "cpu-cluster"}) == "cpu-cluster"
    with pytest.raises(BadRequest):
        fill_in("${{parent.inputs.where}}", parent_inputs={})
