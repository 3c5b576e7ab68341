"""Training jobs that fail, are refused, or tell whose commit they train, at the command line."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.cli.exits import Exit
from tests.azureml.team import write_training
from tests.journeys.running import Running
from tests.journeys.team import Team, rollout_of

PATIENCE_SECONDS = 180
_COMMAND = Path(sys.executable).with_name("mlrelease")
_CAUSE = "ValueError: the reviews have no column rating"
_SECRET = "AccountKey=c2VjcmV0LW9mLXRoZS1zdG9yYWdl"  # noqa: S105 - opens nothing
_BREAKS = f"""
import sys
print("reads DefaultEndpointsProtocol=https;{_SECRET};EndpointSuffix=core.windows.net", file=sys.stderr)
raise {_CAUSE.replace(": ", "('")}')
"""
_COMMAND_JOB = """
type: command
command: echo weights > ${{outputs.model}}/weights.bin
environment: azureml:team-env@latest
compute: azureml:cpu-cluster
outputs:
  model:
    type: uri_folder
"""
_ONE_OTHER_PERSON = """
  - name: prod
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-prod
    approval:
      count: 1
"""


def mlrelease(service: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, as somebody at this machine runs it."""
    said = {"MLRELEASE_SERVER": service.stack.address, "MLRELEASE_DATA": str(service.stack.data)}
    environment = {**os.environ, **said, "MLRELEASE_ACTOR": "anna", "COLUMNS": "400", "NO_COLOR": "1"}
    return subprocess.run(
        [_COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def submit(team: Team, file: Path, name: str) -> subprocess.CompletedProcess[str]:
    environment = str(file.parent / "environment.yml")
    return mlrelease(
        team.service, "jobs", "submit", str(file), "-m", team.name, "-e", environment, "--name", name, "--watch"
    )


def require_end(ended: subprocess.CompletedProcess[str], status: Exit) -> str:
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def test_cause_of_a_failed_step_is_told_once_and_its_log_is_kept_without_secrets(team: Team, tmp_path: Path) -> None:
    folder, name = write_training(tmp_path / "job"), f"{team.name}-fails"
    (folder / "src" / "train.py").write_text(_BREAKS)

    said = require_end(submit(team, folder / "pipeline.yml", name), Exit.REFUSED)

    assert said.count(_CAUSE) == 1, said
    assert team.service.get(f"/v1/jobs/{name}")["status"] == "Failed"
    logs = mlrelease(team.service, "jobs", "logs", name)
    assert logs.returncode == Exit.FINE, logs.stderr
    assert _CAUSE in logs.stdout
    assert "reads DefaultEndpointsProtocol" in logs.stdout
    for told in (said, logs.stdout, logs.stderr):
        assert _SECRET.partition("=")[2] not in told


@pytest.mark.parametrize(
    ("entry", "file", "right", "wrong", "told", "status"),
    [
        (
            "pipeline.yml",
            "train.yml",
            "command: python",
            "command: echo a: b > python",
            "train.yml:13: is not YAML",
            None,
        ),
        ("job.yml", "job.yml", "command: echo", "comand: echo", "did you mean `command`?", "Refused"),
        ("job.yml", "job.yml", "azureml:team-env@", "azureml:no-such-env@", "no-such-env", "Refused"),
    ],
    ids=["component that is no YAML", "misspelt key", "environment that Azure does not have"],
)
def test_refused_job_ends_and_its_name_is_free_for_the_mended_file(
    team: Team, tmp_path: Path, entry: str, file: str, right: str, wrong: str, told: str, status: str | None
) -> None:
    folder, name = write_training(tmp_path / "job"), f"{team.name}-{Path(file).stem}"
    (folder / "job.yml").write_text(_COMMAND_JOB)
    mended = (folder / file).read_text()
    assert right in mended
    (folder / file).write_text(mended.replace(right, wrong))

    said = require_end(submit(team, folder / entry, name), Exit.REFUSED)

    assert said.count(told) == 1, said
    if status is None:  # refused at the door: nothing is recorded
        assert team.service.http.get(f"/v1/jobs/{name}").status_code == httpx.codes.NOT_FOUND
    else:
        seen = team.service.get(f"/v1/jobs/{name}")
        assert (seen["status"], seen["is_final"]) == (status, True)
        assert seen["ended_at"] is not None
    (folder / file).write_text(mended)
    require_end(submit(team, folder / entry, name), Exit.FINE)
    assert team.service.get(f"/v1/jobs/{name}")["status"] == "Completed"


def test_author_of_the_commit_that_was_trained_does_not_approve_it(team: Team, tmp_path: Path) -> None:
    folder, name = write_training(tmp_path / "job"), f"{team.name}-of-bernd"
    team.apply(team.define(stages=_ONE_OTHER_PERSON))
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Begin"]):
        who = ("-c", "user.name=Bernd", "-c", "user.email=bernd@example.org")
        subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True, timeout=30)
    require_end(submit(team, folder / "pipeline.yml", name), Exit.FINE)
    release = team.service.until_still(team.ask(name)["id"])
    assert release["status"] == "pending_approval", release["sentence"]

    said = {"plan_digest": rollout_of(release, "prod")["plan_digest"], "reason": "Mine is good."}
    answers = {
        who: team.service.http.post(
            f"/v1/releases/{release['id']}/rollouts/prod/approve", json=said, headers={"Mlrelease-Actor": who}
        )
        for who in ("bernd", "bernd@example.org")
    }

    assert {who: (each.status_code, each.json()["code"]) for who, each in answers.items()} == {
        "bernd": (403, "commit_author"),
        "bernd@example.org": (403, "commit_author"),
    }
    assert team.service.release(release["id"])["status"] == "pending_approval"
    team.service.post(f"/v1/releases/{release['id']}/cancel", {"reason": "It was a test."})
