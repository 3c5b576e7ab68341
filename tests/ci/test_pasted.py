"""What docs/ci.md tells to paste fits what it is pasted beside."""

import re
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.ci.pipelines import CI, ROOT

Json = dict[str, Any]


@pytest.fixture(scope="module")
def pasted() -> list[Json]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "ci.md").read_text(), re.MULTILINE | re.DOTALL)
    assert all(len(block.splitlines()) <= 12 for block in blocks)
    return [yaml.safe_load(block) for block in blocks]


def test_action_is_given_what_it_takes(pasted: list[Json]) -> None:
    action = _read("github/action.yml")
    workflow = _read("github/release.example.yml")["jobs"]["release"]

    for step in (pasted[0]["steps"][0], workflow["steps"][1]):
        _fits(step["with"], {name: "default" not in each for name, each in action["inputs"].items()})


def test_template_is_given_what_it_takes(pasted: list[Json]) -> None:
    takes = {each["name"]: "default" not in each for each in _read("azure-pipelines/release.yml")["parameters"]}

    for stage in (pasted[1]["stages"][0], _read("azure-pipelines/azure-pipelines.example.yml")["stages"][0]):
        _fits(stage["parameters"], takes)


def test_templates_give_each_other_what_they_take() -> None:
    for template in ("client.yml", "wait.yml"):
        takes = {each["name"]: True for each in _read(f"azure-pipelines/{template}")["parameters"]}
        uses = [
            each["parameters"]
            for file in ("release.yml", "wait.yml")
            for each in _used(_read(f"azure-pipelines/{file}"), template)
        ]
        assert uses
        for given in uses:
            _fits(given, takes)


def test_job_is_given_variables_that_it_reads(pasted: list[Json]) -> None:
    job = _read("gitlab/release.gitlab-ci.yml")[pasted[2]["release"]["extends"]]

    assert set(pasted[2]["release"]["variables"]) <= set(job["variables"])


def test_settings_of_gates_are_settings(pasted: list[Json]) -> None:
    names = {f"MLRELEASE_{name.upper()}" for name in Settings.model_fields}

    assert set(pasted[3]) <= names


def _fits(given: Json, takes: dict[str, bool]) -> None:
    """``takes``: each name, and whether it must be given."""
    assert set(given) <= set(takes)
    assert {name for name, is_needed in takes.items() if is_needed} <= set(given)


def _used(part: Any, template: str) -> list[Json]:
    match part:
        case {"template": name} if name == template:
            return [part]
        case dict():
            return [found for each in part.values() for found in _used(each, template)]
        case list():
            return [found for each in part for found in _used(each, template)]
        case _:
            return []


def _read(file: str) -> Json:
    document: Json = yaml.safe_load((CI / file).read_text())
    return document
