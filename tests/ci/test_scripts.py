"""The scripts of action and templates, run as runners do, with the real service and its issuer."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.api.playing import as_json
from tests.api.serving import Served
from tests.ci.pipelines import CI, filled_in, github_tokens, on_azure, on_github, outputs_of, runner, start, step
from tests.identity.issuer import TestIssuer
from tests.instant import InstantWorker
from tests.waiting import PATIENCE_SECONDS, wait_until

MAIN: dict[str, Any] = {
    "sub": "repo:team/churn:ref:refs/heads/main",
    "repository": "team/churn",
    "ref": "refs/heads/main",
}


@pytest.fixture
def tokens(issuer: TestIssuer) -> Iterator[str]:
    with github_tokens(issuer, **MAIN) as tokens:
        yield tokens


def _asked(root: httpx.Client) -> str:
    """The id of the release that somebody asks for now."""
    found = wait_until(lambda: as_json(root.get("/v1/releases"))["items"], what="a release was asked for")
    return str(found[0]["id"])


def test_github_action_releases_and_shows_it(
    service: Served, root: httpx.Client, churn: str, worker: InstantWorker, tokens: str, tmp_path: Path
) -> None:
    action = yaml.safe_load((CI / "github" / "action.yml").read_text())
    defaults = {name: each.get("default", "") for name, each in action["inputs"].items()}
    release = step("github/action.yml", "release")
    given = filled_in(release, defaults, server=service.url, model=churn, job="job-1", stages="dev", minutes="2")

    running = start(release["run"], {**on_github(tmp_path, tokens), **given}, tmp_path)
    asked = _asked(root)
    worker.prepare(asked)
    worker.complete(asked, "dev")
    said, _ = running.communicate(timeout=PATIENCE_SECONDS)

    assert running.returncode == 0, said
    link = f"{service.url}/releases/{asked}"
    assert outputs_of(tmp_path / "output") == {"release": asked, "url": link, "job": "job-1", "status": "succeeded"}
    assert set(action["outputs"]) == {"release", "url", "job", "status"}
    summary = (tmp_path / "summary.md").read_text()
    assert f"### [{asked}]({link}) succeeded" in summary
    assert "| ✅ | register\\_model |" in summary
    assert (
        as_json(root.get(f"/v1/releases/{asked}"))["note"] == "Asked by https://github.com/team/churn/actions/runs/99"
    )
    assert "the-runner's-own" not in said


def test_github_action_asks_once_for_each_attempt_and_says_why_it_failed(
    service: Served, root: httpx.Client, churn: str, worker: InstantWorker, tokens: str, tmp_path: Path
) -> None:
    release = step("github/action.yml", "release")
    given = filled_in(release, {"wait": "no", "audience": "mlrelease"}, server=service.url, model=churn, job="job-1")
    first = start(release["run"], {**on_github(tmp_path, tokens), **given}, tmp_path)
    said, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode == 0, said
    asked = _asked(root)
    worker.prepare(asked)
    worker.fail(asked, "dev")

    again = start(release["run"], {**on_github(tmp_path, tokens), **given, "WAIT": "end"}, tmp_path)
    said_again, _ = again.communicate(timeout=PATIENCE_SECONDS)

    assert again.returncode == 1, said_again
    assert len(as_json(root.get("/v1/releases"))["items"]) == 1
    assert f"::error title=mlrelease::{asked}: " in said_again


def test_github_job_without_the_right_to_a_token_is_told_which_one(tmp_path: Path) -> None:
    release = step("github/action.yml", "release")
    given = filled_in(release, {}, server="http://127.0.0.1:9", model="churn", job="j", wait="no")
    environment = {**on_github(tmp_path, ""), **given, "ACTIONS_ID_TOKEN_REQUEST_URL": ""}

    refused = start(release["run"], environment, tmp_path)
    said, _ = refused.communicate(timeout=PATIENCE_SECONDS)

    assert (refused.returncode, "`permissions: id-token: write`" in said) == (2, True), said


def test_azure_pipeline_requests_and_waits_for_its_stages(
    service: Served, root: httpx.Client, churn: str, worker: InstantWorker, issuer: TestIssuer, tmp_path: Path
) -> None:
    azure = on_azure(tmp_path, issuer.token(**MAIN))
    request, wait = step("azure-pipelines/release.yml", "release"), step("azure-pipelines/wait.yml", "release")
    parameters = {"server": service.url, "application": "mlrelease", "stage": "dev"}
    asking = filled_in(request, parameters, model=churn, job="job-1", deployDev="True", deployProd="False")

    requested = start(request["inputs"]["inlineScript"], {**azure, **asking}, tmp_path)
    said, _ = requested.communicate(timeout=PATIENCE_SECONDS)
    assert requested.returncode == 0, said
    asked = _asked(root)
    worker.prepare(asked)
    worker.complete(asked, "dev")
    waiting = {**azure, **filled_in(wait, parameters), "RELEASE": asked}
    waited = start(wait["inputs"]["inlineScript"], waiting, tmp_path)
    said_waiting, _ = waited.communicate(timeout=PATIENCE_SECONDS)

    assert waited.returncode == 0, said_waiting
    assert as_json(root.get(f"/v1/releases/{asked}"))["stages"] == ["dev"]
    assert f"##vso[task.setvariable variable=release;isOutput=true]{asked}\n" in said
    assert f"##vso[task.uploadsummary]{tmp_path / 'mlrelease.md'}\n" in said_waiting


def test_azure_pipeline_with_nothing_to_deploy_asks_for_nothing(
    service: Served, root: httpx.Client, churn: str, tmp_path: Path
) -> None:
    request = step("azure-pipelines/release.yml", "release")
    asking = filled_in(request, {}, server=service.url, model=churn, deployDev="False", deployProd="False")

    refused = start(request["inputs"]["inlineScript"], {**on_azure(tmp_path, "none"), **asking}, tmp_path)
    said, _ = refused.communicate(timeout=PATIENCE_SECONDS)

    assert (refused.returncode, "nothing to release" in said) == (2, True)
    assert as_json(root.get("/v1/releases"))["items"] == []


def test_gitlab_job_releases(
    service: Served, root: httpx.Client, churn: str, worker: InstantWorker, issuer: TestIssuer, tmp_path: Path
) -> None:
    job = yaml.safe_load((CI / "gitlab" / "release.gitlab-ci.yml").read_text())[".mlrelease"]
    script = (
        "\n".join(job["script"])
        .replace("/opt/mlrelease", str(CI.parents[1]))
        .replace("python -m", f"{sys.executable} -m")
    )
    variables = {
        **job["variables"],
        "MLRELEASE_SERVER": service.url,
        "MLRELEASE_MODEL": churn,
        "MLRELEASE_JOB": "job-1",
    }
    environment = runner(
        tmp_path,
        **{**variables, "MLRELEASE_STAGES": "dev", "MLRELEASE_TOKEN": issuer.token(**MAIN)},
        GITLAB_CI="true",
        CI_SERVER_HOST="gitlab.example",
        CI_PROJECT_ID="1",
        CI_JOB_ID="2",
        CI_PIPELINE_URL="https://gitlab.example/team/churn/-/pipelines/3",
        CI_PROJECT_DIR=str(tmp_path),
    )

    running = start(script, environment, tmp_path)
    asked = _asked(root)
    worker.prepare(asked)
    worker.complete(asked, "dev")
    said, _ = running.communicate(timeout=PATIENCE_SECONDS)

    assert running.returncode == 0, said
    assert f"MLRELEASE_RELEASE={asked}\n" in (tmp_path / "mlrelease.env").read_text()
    assert (tmp_path / "mlrelease.md").exists()


def test_clients_dependencies_are_those_that_are_tested() -> None:
    locked = Path(CI.parents[1], "client", "requirements.lock").read_text()
    tested = Path(CI.parents[1], "requirements-dev.lock").read_text()
    names = [line.split(" ")[0] for line in locked.splitlines() if "==" in line and not line.startswith((" ", "#"))]

    assert names
    assert [name for name in names if f"{name} " not in tested] == []
