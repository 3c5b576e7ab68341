"""Which paths of a job's YAML lie in the folder: what honest teams write is let be, and each way out is told with its line."""

from pathlib import Path

import pytest

from app.bundles.local_paths import check_local_paths

HONEST = """
type: command
display_name: ../../ is only a name
description: reads /etc/passwd, says somebody
command: python train.py --rate ${{inputs.rate}} --out ${{outputs.model}} > /tmp/log
code: ./src/../src
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file: ./conda.yml
environment_variables:
  PYTHONPATH: /opt/lib:../lib
  code: /somewhere
inputs:
  rate: 1e-4
  where: /mnt/data
  code: ../not/a/file
  table:
    type: mltable
    path: azureml://datastores/workspaceblobstore/paths/a/b
  web:
    type: uri_file
    path: https://example.com/a.csv
  bound:
    path: ${{parent.inputs.data}}
outputs:
  model:
    type: uri_folder
    path: azureml://datastores/d/paths/x
tags: {path: ../x, numbers: 0x1F}
identity: {type: user_identity}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "conda.yml").write_text(
        "dependencies:\n- python=3.11\n- pip:\n  - scikit-learn[x]>=1\n  - a @ https://x/y\n"
    )
    return tmp_path


def mistakes_of(folder: Path, text: str) -> list[tuple[str | None, int | None, str | None]]:
    (folder / "job.yml").write_text(text)
    return [(each.file, each.line, each.field) for each in check_local_paths(folder, ["job.yml"])]


def test_what_honest_teams_write_is_let_be(folder: Path) -> None:
    assert mistakes_of(folder, HONEST) == []


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "/etc",
        "~/x",
        "$HOME/x",
        "%USERPROFILE%/x",
        "C:/x",
        "C:\\x",
        "..\\x",
        "\\\\host\\share",
        "file:///etc",
        "file:../x",
        "FILE:/etc",
        " ../x",
        "https:/../../x",
        "azureml:/../../x",
        "${{x}}/../../x",
        "src/../../x",
    ],
)
def test_each_way_out_is_told(folder: Path, path: str) -> None:
    assert mistakes_of(folder, f"type: command\ncode: '{path}'\n") == [("job.yml", 2, "code")]


@pytest.mark.parametrize(
    "line",
    [
        "-r ../r.txt",
        "--requirement=/etc/r.txt",
        "-c ../c.txt",
        "-e ..",
        "../a.whl",
        "file:///a.whl",
        "a @ file:///a.whl",
        "--find-links /a",
        "./../../a.whl",
    ],
)
def test_what_pip_would_read_from_elsewhere_is_told(folder: Path, line: str) -> None:
    (folder / "conda.yml").write_text(f"dependencies:\n  - pip:\n      - {line}\n")
    inline = f"environment:\n  conda_file:\n    dependencies:\n      - pip:\n          - {line}\n"

    assert mistakes_of(folder, "environment:\n  conda_file: conda.yml\n") == [
        ("conda.yml", 3, "dependencies[0].pip[0]")
    ]
    assert len(mistakes_of(folder, inline)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "base: &base {code: /etc}\njob:\n  <<: *base\n",
        "code: .\ncode: /etc\n",
        "jobs:\n  one: /etc/job.yml\n",
        "component:\n  additional_includes: [{type: artifact, feed: f, name: n, version: v}]\n",
    ],
)
def test_what_the_sdk_reads_otherwise_is_told(folder: Path, text: str) -> None:
    assert mistakes_of(folder, text)


@pytest.mark.parametrize("text", ["- command: echo\n", "echo\n"])
def test_a_job_that_is_no_mapping_is_told(folder: Path, text: str) -> None:
    (folder / "job.yml").write_text(text)

    assert list(map(str, check_local_paths(folder, ["job.yml"]))) == ["job.yml:1: must be a mapping (`key: value`)"]


def test_files_that_name_each_other_in_a_circle_are_read_once_and_told(folder: Path) -> None:
    (folder / "other.yml").write_text("component: job.yml\ncode: /etc\n")

    assert mistakes_of(folder, "component: other.yml\n") == [
        ("other.yml", 1, "component"),
        ("other.yml", 2, "code"),
    ]


@pytest.mark.parametrize("unusual", ["\x85", "\u2028", "\u2029", "\ufeff"], ids=lambda sign: f"U+{ord(sign):04X}")
def test_no_key_hides_behind_a_line_break_that_only_some_readers_know(folder: Path, unusual: str) -> None:
    """To one reader ``code`` is then a variable's name, and what it names is no path; to the SDK's it is the job's."""
    text = f"command: x\nenvironment_variables:\n    a: b\n#x{unusual}code: ../..\n"

    assert ("job.yml", 4, None) in mistakes_of(folder, text)


@pytest.mark.parametrize("collection", ["!!set {../x: }", "!!omap [../x: ]", "!x [../x]", "!!pairs [../x: ]"])
def test_no_path_hides_in_a_collection_that_only_some_readers_know(folder: Path, collection: str) -> None:
    text = f"command: x\nadditional_includes: {collection}\n"

    assert ("job.yml", 2, "additional_includes") in mistakes_of(folder, text)
