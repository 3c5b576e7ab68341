"""YAML of every kind that the SDK submits or registers, with a path in each field that it may open."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

IMAGE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest"


@dataclass(frozen=True)
class Kind:
    """Files by name, with ``PATH`` where the path goes; the first is the entry. ``of_file``: the field names a file."""

    files: dict[str, str]
    of_file: bool = False
    environment: bool = False  # the entry is an environment and not a job
    base: str | None = None  # the folder that the path starts from, where it is not that of its file


def _command(**fields: str) -> str:
    written = {
        "type": "command",
        "command": "echo hello",
        "compute": "azureml:cpu-cluster",
        "environment": f"\n  image: {IMAGE}",
        **fields,
    }
    return "".join(f"{key}: {value}\n" for key, value in written.items() if value)


def _component(**fields: str) -> str:
    written = {
        "type": "command",
        "name": "part",
        "version": '"1"',
        "command": "echo hello",
        "environment": f"\n  image: {IMAGE}",
        **fields,
    }
    return "".join(f"{key}: {value}\n" for key, value in written.items() if value)


def _pipeline(job: str) -> str:
    return "type: pipeline\nsettings:\n  default_compute: azureml:cpu-cluster\njobs:\n  one:\n" + textwrap.indent(
        textwrap.dedent(job), "    "
    )


_INPUT = "\n  data:\n    type: {}\n    path: PATH"
_USES_INPUT = "echo ${{inputs.data}}"

KINDS: dict[str, Kind] = {
    "command code": Kind({"job.yml": _command(code="PATH")}),
    "command input folder": Kind({"job.yml": _command(inputs=_INPUT.format("uri_folder"), command=_USES_INPUT)}),
    "command input file": Kind(
        {"job.yml": _command(inputs=_INPUT.format("uri_file"), command=_USES_INPUT)}, of_file=True
    ),
    "command input table": Kind({"job.yml": _command(inputs=_INPUT.format("mltable"), command=_USES_INPUT)}),
    "command input model": Kind({"job.yml": _command(inputs=_INPUT.format("custom_model"), command=_USES_INPUT)}),
    "command conda file": Kind(
        {"job.yml": _command(environment=f"\n  image: {IMAGE}\n  conda_file: PATH")}, of_file=True
    ),
    "command build": Kind({"job.yml": _command(environment="\n  build:\n    path: PATH")}),
    "command build dockerfile": Kind(
        {
            "job.yml": _command(environment="\n  build:\n    path: ./context\n    dockerfile_path: PATH"),
            "context/Dockerfile": "FROM scratch\n",
        },
        of_file=True,
        base="context",
    ),
    "pipeline component file": Kind({"job.yml": _pipeline("type: command\ncomponent: PATH\n")}, of_file=True),
    "pipeline component code": Kind(
        {"job.yml": _pipeline("type: command\ncomponent: ./part.yml\n"), "part.yml": _component(code="PATH")}
    ),
    "pipeline component conda file": Kind(
        {
            "job.yml": _pipeline("type: command\ncomponent: ./part.yml\n"),
            "part.yml": _component(environment=f"\n  image: {IMAGE}\n  conda_file: PATH"),
        },
        of_file=True,
    ),
    "pipeline component includes": Kind(
        {
            "job.yml": _pipeline("type: command\ncomponent: ./part.yml\n"),
            "part.yml": _component(code="./src", additional_includes="\n  - PATH"),
            "src/run.py": "print('hello')\n",
        }
    ),
    "pipeline component includes file": Kind(
        {
            "job.yml": _pipeline("type: command\ncomponent: ./part.yml\n"),
            "part.yml": _component(code="./src"),
            "part.additional_includes": "PATH\n",
            "src/run.py": "print('hello')\n",
        }
    ),
    "pipeline input": Kind(
        {
            "job.yml": "type: pipeline\nsettings:\n  default_compute: azureml:cpu-cluster\n"
            "inputs:\n  data:\n    type: uri_folder\n    path: PATH\n"
            "jobs:\n  one:\n    type: command\n    component: ./part.yml\n"
            "    inputs:\n      data: ${{parent.inputs.data}}\n",
            "part.yml": _component(inputs="\n  data:\n    type: uri_folder", command=_USES_INPUT),
        }
    ),
    "pipeline node input": Kind(
        {
            "job.yml": _pipeline(
                "type: command\ncomponent: ./part.yml\ninputs:\n  data:\n    type: uri_folder\n    path: PATH\n"
            ),
            "part.yml": _component(inputs="\n  data:\n    type: uri_folder", command=_USES_INPUT),
        }
    ),
    "pipeline inline code": Kind(
        {"job.yml": _pipeline(f"type: command\ncommand: echo hello\ncode: PATH\nenvironment:\n  image: {IMAGE}\n")}
    ),
    "pipeline in a pipeline": Kind(
        {
            "job.yml": _pipeline("type: pipeline\ncomponent: ./inner/pipeline.yml\n"),
            "inner/pipeline.yml": "type: pipeline\nname: inner\nversion: '1'\njobs:\n  two:\n    type: command\n    component: ./part.yml\n    compute: azureml:cpu-cluster\n",
            "inner/part.yml": _component(code="PATH"),
        }
    ),
    "sweep trial code": Kind(
        {
            "job.yml": textwrap.dedent(
                f"""
                type: sweep
                compute: azureml:cpu-cluster
                sampling_algorithm: random
                objective:
                  goal: minimize
                  primary_metric: loss
                search_space:
                  rate:
                    type: choice
                    values: [1, 2]
                limits:
                  max_total_trials: 2
                trial:
                  code: PATH
                  command: echo ${{{{search_space.rate}}}}
                  environment:
                    image: {IMAGE}
                """
            )
        }
    ),
    "sweep trial file": Kind(
        {
            "job.yml": _pipeline(
                """
                type: sweep
                sampling_algorithm: random
                objective:
                  goal: minimize
                  primary_metric: loss
                search_space:
                  rate:
                    type: choice
                    values: [1, 2]
                limits:
                  max_total_trials: 2
                trial: ./part.yml
                """
            ),
            "part.yml": _component(code="PATH", inputs="\n  rate:\n    type: number", command="echo ${{inputs.rate}}"),
        }
    ),
    "parallel task code": Kind(
        {
            "job.yml": _pipeline(
                f"""
                type: parallel
                mini_batch_size: "1"
                input_data: ${{{{inputs.data}}}}
                inputs:
                  data:
                    type: mltable
                    path: azureml:some-data:1
                task:
                  type: run_function
                  code: PATH
                  entry_script: run.py
                  environment:
                    image: {IMAGE}
                """
            )
        }
    ),
    "spark code": Kind(
        {
            "job.yml": textwrap.dedent(
                """
                type: spark
                code: PATH
                entry:
                  file: run.py
                resources:
                  instance_type: standard_e4s_v3
                  runtime_version: "3.3"
                conf:
                  spark.driver.cores: 1
                  spark.driver.memory: 2g
                  spark.executor.cores: 2
                  spark.executor.memory: 2g
                  spark.executor.instances: 2
                """
            )
        }
    ),
    "spark py files": Kind(
        {
            "job.yml": _pipeline(
                """
                type: spark
                code: ./src
                entry:
                  file: run.py
                py_files:
                  - PATH
                resources:
                  instance_type: standard_e4s_v3
                  runtime_version: "3.3"
                conf:
                  spark.driver.cores: 1
                  spark.driver.memory: 2g
                  spark.executor.cores: 2
                  spark.executor.memory: 2g
                  spark.executor.instances: 2
                """
            ),
            "src/run.py": "print('hello')\n",
        },
        of_file=True,
    ),
    "data transfer": Kind(
        {
            "job.yml": _pipeline(
                """
                type: data_transfer
                task: copy_data
                data_copy_mode: merge_with_overwrite
                inputs:
                  data:
                    type: uri_folder
                    path: PATH
                outputs:
                  copied:
                    type: uri_folder
                """
            )
        }
    ),
    "automl training data": Kind(
        {
            "job.yml": textwrap.dedent(
                """
                type: automl
                task: classification
                compute: azureml:cpu-cluster
                primary_metric: accuracy
                target_column_name: y
                training_data:
                  type: mltable
                  path: PATH
                """
            )
        }
    ),
    "environment conda file": Kind(
        {"job.yml": f"name: some-env\nversion: '1'\nimage: {IMAGE}\nconda_file: PATH\n"}, of_file=True, environment=True
    ),
    "environment build": Kind({"job.yml": "name: built-env\nversion: '1'\nbuild:\n  path: PATH\n"}, environment=True),
}

# Each makes of the folder or file that is wanted, and the folder whose YAML names it, what is written there.
WAYS: dict[str, Callable[[Path, Path], str]] = {
    "relative": lambda wanted, base: _up(wanted, base),
    "absolute": lambda wanted, _base: str(wanted),
    "file address": lambda wanted, _base: f"file://{wanted}",
    "file and relative": lambda wanted, base: f"file:{_up(wanted, base)}",
    "roundabout": lambda wanted, base: f"./x/../{_up(wanted, base)}",
    "as an address": lambda wanted, base: f"https:/../{_up(wanted, base)}",
    "as an asset": lambda wanted, base: f"azureml:/../{_up(wanted, base)}",
    "by /proc": lambda wanted, _base: f"/proc/self/root{wanted}",
}


def write(folder: Path, kind: Kind, path: str) -> str:
    """The kind's files with this path in them; the entry's name."""
    for name, text in kind.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("PATH", path))
    return next(iter(kind.files))


def base_of(folder: Path, kind: Kind) -> Path:
    """The folder that the path starts from: of the file that has it."""
    if kind.base is not None:
        return folder / kind.base
    return (folder / next(name for name, text in kind.files.items() if "PATH" in text)).parent


def _up(wanted: Path, base: Path) -> str:
    return "../" * (len(base.parts) - 1) + str(wanted).lstrip("/")
