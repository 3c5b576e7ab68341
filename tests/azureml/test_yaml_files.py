"""YAML on its way to the SDK: what was read is what the SDK gets."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_online_deployment
from hypothesis import given, settings
from hypothesis import strategies as some

from app.azureml.errors import BadRequest
from app.azureml.yaml_files import as_source, read_mapping

# Text to YAML 1.2, something else to YAML 1.1; and the other way round.
TWO_READINGS = [
    "on",
    "Off",
    "NO",
    "y",
    "12:30",
    "190:20:30.15",
    "2020-01-01",
    "0o10",
    "=",
    "<<",
    "~x",
    "1e3",
    "0b1",
    "null",
    "-",
]
_TEXT = some.text(some.characters(exclude_categories=["Cs"])) | some.sampled_from(TWO_READINGS)
_SCALAR = _TEXT | some.booleans() | some.none() | some.integers(-(10**18), 10**18) | some.floats(allow_nan=False)
_DATA = some.dictionaries(
    _TEXT,
    some.recursive(_SCALAR, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_TEXT, inner, max_size=3)),
)


@settings(max_examples=60, deadline=None)
@given(_DATA)
def test_the_sdk_reads_exactly_what_it_is_handed(data: dict[str, Any]) -> None:
    assert _with_types(yaml.safe_load(as_source(data))) == _with_types(data)


@settings(max_examples=60, deadline=None)
@given(some.text(some.sampled_from("0123456789_.:eE+-xobyYnNoOfF~"), min_size=1, max_size=8))
def test_a_plain_word_is_read_in_one_way_or_refused(word: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "deployment.yml")
        file.write_text(f"environment_variables:\n  A: {word}\ninstance_type: Standard_E2s_v3\n")
        try:
            read = read_mapping(file)
        except BadRequest:
            return
    handed = load_online_deployment(as_source({**read, "name": "blue", "endpoint_name": "churn"}))
    value = read["environment_variables"]["A"]
    assert handed.environment_variables == {"A": value}
    assert isinstance(value, bool | None) or value == (word if isinstance(value, str) else type(value)(word))


@pytest.mark.parametrize("text", ["a: 010\n", "- a\n", "", "a: 1\na: 2\n", "a: 1\n---\na: 2\n"])
def test_what_has_two_readings_or_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "deployment.yml").write_text(text)

    with pytest.raises(BadRequest, match=r"Could not read deployment\.yml"):
        read_mapping(tmp_path / "deployment.yml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "deployment.yml").write_bytes(b"\xef\xbb\xbfname: a\n")

    assert read_mapping(tmp_path / "deployment.yml") == {"name": "a"}


def _with_types(data: Any) -> Any:
    match data:
        case dict():
            return {key: _with_types(value) for key, value in data.items()}
        case list():
            return [_with_types(value) for value in data]
    return type(data), data
