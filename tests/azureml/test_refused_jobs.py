"""What the SDK has against a job's YAML, in sentences with file and line instead of its pages for a terminal."""

from pathlib import Path

import pytest
from azure.ai.ml import load_job
from azure.ai.ml.entities import PipelineJob

from app.azureml.errors import BadRequest
from app.azureml.facade import AzureML
from app.azureml.jobs import get_job, submit_job
from app.azureml.refused_jobs import mistakes_told
from app.errors import Invalid
from tests.azureml.fixtures import DEV
from tests.azureml.team import write_training

COMMAND = "command: echo hi\nenvironment: azureml:env@latest\n"
STEP = "type: pipeline\njobs:\n  train:\n    type: command\n    environment: azureml:env@latest\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (COMMAND.replace("command", "comand"), ["job.yml:1: comand: is a key that Azure ML does not know; did you mean `command`?"]),
        ("command: echo\n", ["job.yml:1: environment: is missing"]),
        (COMMAND + "code: ./nowhere\n", ["job.yml:3: code: there is no file or folder 'nowhere'"]),
        (COMMAND + "resources:\n  instance_count: two\n", ["job.yml:4: resources.instance_count: must be a whole number"]),
        (COMMAND + "tags:\n  v: 1.10\n  since: 2024-01-31\n",
         ["job.yml:4: tags.v: must be text: put it in quotes", "job.yml:5: tags.since: must be text: put it in quotes"]),
        (COMMAND + "distribution:\n  type: pytorhc\n", ["job.yml:4: distribution.type: is a type that Azure ML does not know; did you mean `pytorch`?"]),
        (COMMAND + "inputs:\n  x:\n    type: uri_foldr\n    path: azureml:d:1\n",
         ["job.yml:5: inputs.x.type: is a type that Azure ML does not know; did you mean `uri_folder`?"]),
        ("command: echo\nenvironment:\n  imagee: x\n", ["job.yml:3: environment.imagee: is a key that Azure ML does not know"]),
        (STEP + "    comand: echo\n", ["job.yml:6: jobs.train.comand: is a key that Azure ML does not know; did you mean `command`?"]),
        (STEP + "    command: echo\n    code: ./none\n", ["job.yml:7: jobs.train.code: there is no file or folder 'none'"]),
        ("type: pipeline\njobs:\n  a:\n    type: command\n    component: ./train.yml\n  b:\n    type: command\n    component: ./other.yml\n",
         ["train.yml:2: comand: is a key that Azure ML does not know; did you mean `command`?",
          "job.yml:8: jobs.b.component: there is no file or folder 'other.yml'"]),
        ("type: pipeline\nsettings:\n  default_compute: azureml:c\njobs:\n  a:\n    type: command\n    component: ./sound.yml\n",
         ["job.yml:5: jobs.a.inputs.x: required input 'x' for component 'a' not provided"]),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_line(text: str, told: list[str], tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text(text)
    (tmp_path / "train.yml").write_text("type: command\ncomand: echo\nenvironment: azureml:env@latest\n")
    (tmp_path / "sound.yml").write_text(
        "type: command\ncommand: echo ${{inputs.x}}\nenvironment: azureml:env@latest\ninputs:\n  x:\n    type: integer\n"
    )

    with pytest.raises(Invalid) as refused:
        load(tmp_path, "job.yml")

    assert [str(mistake) for mistake in refused.value.mistakes] == told
    assert refused.value.sentence.startswith(f"Could not submit job.yml: {told[0]}")


def load(folder: Path, entry: str) -> None:
    """What the SDK checks before it sends anything."""
    with mistakes_told(folder, entry, doing=f"submit {entry}"):
        job = load_job(folder / entry)
        assert isinstance(job, PipelineJob)
        job._validate(raise_error=True)


def test_a_refused_job_is_nowhere_in_azure_and_says_its_line(azure: AzureML, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "typo")
    file = folder / "train.yml"
    file.write_text(file.read_text().replace("command:", "comand:", 1))

    with pytest.raises(BadRequest, match=r"train\.yml:\d+: comand: .* did you mean `command`\?$") as refused:
        submit_job(azure, DEV, "typo-job", folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})

    assert "{" not in refused.value.sentence
    with pytest.raises(Exception, match="typo-job"):
        get_job(azure, DEV, "typo-job")
