"""Steps as the workflow would carry them out: with a bundle, a scratch folder, and somebody who may say stop."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.azureml.endpoints import begin_delete_endpoint, get_endpoint
from app.azureml.facade import AzureML
from app.planning.kinds import KINDS
from app.planning.observed import DeploymentFacts
from app.planning.places import Place
from app.preflight.content_wanted import ContentWanted
from app.preflight.looking import Preflight
from app.preflight.preflight import preflight
from app.preflight.resolve_content import resolve_content
from app.steps.catalogue import build_steps
from app.steps.contract import Context, Done, Interrupted
from tests.azureml.fixtures import DEV, PROD, Trained
from tests.azureml.team import write_bundle

Json = dict[str, Any]


@dataclass
class Team:
    """One model of one team: its bundle, its names, and what its steps gave so far."""

    azure: AzureML
    bundle: Path
    scratch: Path
    name: str
    outputs: dict[str, Json] = field(default_factory=dict)
    stop_after: int | None = None  # checkpoints until somebody cancels
    reports: list[str] = field(default_factory=list)
    on_wait: list[Any] = field(default_factory=list)  # called at each wait

    @property
    def endpoint(self) -> str:
        return f"{self.name}-ep"

    def carry_out(self, kind: str, config: Json, *, outputs: Mapping[str, Json] | None = None) -> Done:
        """One attempt of a step; its output is kept for those after it."""
        context = self.context(self.outputs if outputs is None else outputs)
        done = build_steps(self.azure)[kind](context, KINDS[kind].model_validate(config))
        assert isinstance(done, Done)
        self.outputs[kind] = done.output
        if kind == "create_deployment":
            self.outputs[f"{kind}:{config['deployment']}"] = done.output
        return done

    def resolve_content(self, wanted: Json) -> Json:
        content = resolve_content(self.azure, self.context({}), ContentWanted.model_validate(wanted))
        return content.model_dump(mode="json")

    def preflight(self, wanted: Json) -> list[Json]:
        checks = preflight(self.azure, self.context({}), Preflight.model_validate(wanted))
        return [each.model_dump() for each in checks]

    def context(self, outputs: Mapping[str, Json]) -> Context:
        scratch = self.scratch / uuid.uuid4().hex
        scratch.mkdir()
        return Context(
            release=f"{self.name}-1",
            stage="dev",
            unpack=lambda: self.bundle,
            scratch=scratch,
            outputs=outputs,
            checkpoint=self._checkpoint,
            wait=self._wait,
            report=self.reports.append,
            now=lambda: datetime.now(UTC),
            first_begun_at=datetime.now(UTC),
        )

    def tags(self, digest: str, *, release: int = 1) -> Json:
        return {
            "mlrelease.release": f"{self.name}-{release}",
            "mlrelease.model": self.name,
            "mlrelease.digest": digest,
        }

    def _checkpoint(self) -> None:
        if self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after < 0:
                raise Interrupted("cancelled", "Somebody cancelled.")

    def _wait(self, seconds: float) -> None:
        for act in self.on_wait:
            act()
        time.sleep(seconds)


def place(workspace: Place = DEV) -> Json:
    return workspace.model_dump()


@contextmanager
def a_team(azure: AzureML, folder: Path) -> Iterator[Team]:
    """One with names that no other has. What it leaves is deleted: the region's cores are few."""
    scratch = folder / "scratch"
    scratch.mkdir()
    team = Team(azure, write_bundle(folder / "bundle"), scratch, name=f"team{uuid.uuid4().hex[:8]}")
    yield team
    for workspace in (DEV, PROD):
        for name in (team.endpoint, f"{team.endpoint}-p"):
            if get_endpoint(azure, workspace, name) is not None:
                begin_delete_endpoint(azure, workspace, name)


@pytest.fixture
def team(azure: AzureML, tmp_path: Path) -> Iterator[Team]:
    with a_team(azure, tmp_path) as team:
        yield team


def resolving(team: Team, job: str, **changes: Any) -> Json:
    model = {"name": team.name, "output": "model", "path": ".", "file": "factor.json"}
    return {
        "workspace": place(),
        "source": {"kind": "job", "job": job},
        "model": {**model, **changes.pop("model", {})},
        "environment": "azureml:team-env@latest",
        "deployment": "deployment.yml",
        **changes,
    }


def registering(team: Team, content: Json) -> Json:
    return {
        "workspace": place(),
        "name": team.name,
        "type": "custom_model",
        "description": "for tests",
        "uri": content["model_uri"],
        "digest": content["model_digest"],
        "tags": team.tags(content["model_digest"]),
        "properties": {},
    }


@pytest.fixture
def content(team: Team, trained: Trained) -> Json:
    """What the trained job made, as ``resolve_content`` says it."""
    return team.resolve_content(resolving(team, trained.job))


@pytest.fixture
def registered(team: Team, content: Json) -> Json:
    """The team's model, registered in ws-dev."""
    return team.carry_out("register_model", registering(team, content)).output


@pytest.fixture
def serving(team: Team, content: Json, registered: Json) -> Team:
    """A team whose rel-1 has all of the traffic."""
    assert registered["version"] == "1"
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    team.carry_out("shift_traffic", moving(team, "rel-1"))
    return team


@pytest.fixture
def watched(team: Team) -> list[str]:
    """What the steps report."""
    return team.reports


def creating_endpoint(team: Team, *, digest: str = "sha256:any", release: int = 1) -> Json:
    return {
        "workspace": place(),
        "endpoint": team.endpoint,
        "file": "endpoint.yml",
        "tags": team.tags(digest, release=release),
    }


def creating_deployment(team: Team, content: Json, name: str, *, release: int = 1) -> Json:
    return {
        "workspace": place(),
        "endpoint": team.endpoint,
        "deployment": name,
        "file": "deployment.yml",
        "instance_type": None,
        "instance_count": None,
        "model_from": "register_model",
        "environment_from": None,
        "environment_id": content["environment"]["id"],
        "digest": content["model_digest"],
        "tags": team.tags(content["model_digest"], release=release),
    }


def deployed(team: Team, name: str) -> Json:
    return {"workspace": place(), "endpoint": team.endpoint, "deployment": name}


def moving(team: Team, name: str, **more: Any) -> Json:
    """Of the deployment that ``create_deployment`` made by this name, also where it made others since."""
    return {**deployed(team, name), "made_by": f"create_deployment:{name}", **more}


def reusing(team: Team, content: Json, name: str, *, release: int = 1) -> Json:
    """As the deployment was made, which the team keeps as ``made``."""
    made = {**team.outputs["made"], "deployment": name, "release": f"{team.name}-{release}"}
    recorded = DeploymentFacts.of_output(made)
    return {
        **deployed(team, name),
        "owner": team.name,
        "recorded": recorded.model_dump(mode="json"),
        "digest": content["model_digest"],
    }


def verifying(team: Team, content: Json, name: str) -> Json:
    return {**deployed(team, name), "golden": "golden.json", "digest": content["model_digest"]}


def retiring(team: Team, name: str, *, keep: int = 1) -> Json:
    return {**deployed(team, name), "keep": keep, "model": team.name}


def publishing(team: Team) -> Json:
    return {"workspace": place(), "endpoint": team.endpoint, "key_vault": "kv-dev"}


def confirming(team: Team, name: str, *, key_vault: str | None = None) -> Json:
    return moving(team, name, key_vault=key_vault)


def release_all(team: Team, content: Json, name: str, *, release: int = 1) -> None:
    """A whole rollout in ws-dev up to the traffic."""
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"], release=release))
    team.carry_out("create_deployment", creating_deployment(team, content, name, release=release))
    team.carry_out("verify_deployment", verifying(team, content, name))
    team.carry_out("shift_traffic", moving(team, name))
