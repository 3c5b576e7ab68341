"""What ``mlrelease-ci`` does beside waiting: submit a training job, and quote others without harm."""

import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.jobs.service import JobState, find_job, record_state
from app.planning.places import Place
from mlrelease_client.ci import main
from mlrelease_client.ci.runs import Run
from mlrelease_client.ci.telling import Teller, summary_of
from mlrelease_client.ci.tokens import KEEP_SECONDS, Kept
from mlrelease_client.ci.training import git_facts, pack_tracked
from mlrelease_client.errors import Misused
from mlrelease_client.models import ReleaseDetail
from tests.api.conftest import SUBSCRIPTION
from tests.api.playing import as_json, ask
from tests.api.serving import Served
from tests.identity.issuer import TestIssuer
from tests.waiting import wait_until


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a training job in ``training``, and what does not belong to it."""
    training = tmp_path / "training"
    (training / "src").mkdir(parents=True)
    (training / "pipeline.yml").write_text("type: pipeline\n")
    (training / "src" / "train.py").write_text("print()\n")
    (training / "src" / "data.csv").write_text("1\n")
    (training / ".amlignore").write_text("*.csv\n")
    git = ["git", "-c", "user.name=Anna", "-c", "user.email=anna@team.example"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Train"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    (training / "left-behind.txt").write_text("of another job\n")
    return training


def test_submitted_folder_has_what_git_tracks_and_amlignore_leaves(checkout: Path) -> None:
    with tarfile.open(fileobj=BytesIO(pack_tracked(checkout))) as tar:
        assert tar.getnames() == [".amlignore", "pipeline.yml", "src/train.py"]
    facts = git_facts(checkout)
    assert (facts.author, facts.branch, facts.dirty, len(facts.commit)) == (
        "Anna <anna@team.example>",
        "main",
        False,
        40,
    )
    (checkout / "src" / "train.py").write_text("print(1)\n")
    assert git_facts(checkout).dirty


def test_link_and_folder_that_is_no_checkout_are_refused(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (checkout / "key").symlink_to("/etc/passwd")
    subprocess.run(["git", "add", "."], cwd=checkout, check=True)

    with pytest.raises(Misused, match="key is a link"):
        pack_tracked(checkout)
    with pytest.raises(Misused, match="no git checkout"):
        pack_tracked(tmp_path_factory.mktemp("elsewhere"))


def test_job_is_submitted_and_released_when_it_has_completed(
    service: Served,
    root: httpx.Client,
    churn: str,
    issuer: TestIssuer,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main, "JOB_SECONDS", 0.01)
    token = issuer.token(repository="team/churn", ref="refs/heads/main")
    place = Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace="ws-dev")

    def completes() -> str:
        (job,) = wait_until(lambda: as_json(root.get("/v1/jobs"))["items"], what="the job was submitted")
        with UnitOfWork(service.service.database, SERVICE).transaction() as work:
            found = find_job(work, place, job["name"])
            assert found is not None
            record_state(work, found, JobState("Completed", is_final=True, code="completed", sentence="Done."))
            return str((found.git or {})["commit"])

    with ThreadPoolExecutor(1) as azure:
        completed = azure.submit(completes)
        words = ["release", churn, f"--server={service.url}", f"--submit={checkout / 'pipeline.yml'}", "--wait=no"]
        end = main.carry_out(words, {"MLRELEASE_TOKEN": token})
        commit = completed.result()

    (job,), (release,) = (as_json(root.get(path))["items"] for path in ("/v1/jobs", "/v1/releases"))
    assert (end, release["job"], commit) == (0, job["name"], git_facts(checkout).commit)


def test_token_is_fetched_again_before_it_ends() -> None:
    now, given = [0.0], iter(("first", "second"))
    token = Kept(lambda: next(given), clock=lambda: now[0])

    assert [token(), token()] == ["first", "first"]
    now[0] = KEEP_SECONDS + 1
    assert token() == "second"


def test_what_others_wrote_is_no_command_to_the_runner(capsys: pytest.CaptureFixture[str]) -> None:
    evil = (
        "fine\n::set-env name=PATH::/evil\n  ::add-mask::x\n##vso[task.setvariable variable=a]b ##[group]\r::error::x"
    )

    Teller(Run("github", None, None), {}).say(evil)
    Teller(Run("azure-pipelines", None, None), {}).tell_error("100%\n##vso[task.complete]")
    lines = capsys.readouterr().out.splitlines()

    assert not [line for line in lines[:-1] if line.lstrip().startswith("::") or "##vso[" in line or "##[" in line]
    assert lines[-1] == "##vso[task.logissue type=error]100%AZP25%0A##vso[task.complete]"


def test_summary_shows_what_others_wrote_as_text(root: httpx.Client, churn: str) -> None:
    asked = ReleaseDetail.model_validate(ask(root, model=churn))

    evil = asked.model_copy(update={"sentence": "<img src=x> [log in](https://evil.example) | `x`\n# Approved"})
    summary = summary_of(evil, link="https://mlrelease.example/releases/x")

    assert r"\<img src=x\> \[log in\]\(https://evil.example\) \| \`x\` \# Approved" in summary
