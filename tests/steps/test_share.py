"""Copying model and environment into the registry."""

from pathlib import Path
from typing import Any

import pytest

from app.azureml.errors import AzureMLError
from app.azureml.models import list_models, register_model
from app.azureml.sharing import Sharing
from app.steps.contract import Interrupted, Refused
from tests.azureml.fixtures import DEV, REGISTRY, Trained, train
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Team, place, resolving

Json = dict[str, Any]


def sharing(team: Team, content: Json, **changes: Any) -> Json:
    shared = {"workspace": place(), "registry": "reg-shared", "name": team.name, "digest": content["model_digest"]}
    return {**shared, **changes}


def test_model_is_shared_under_its_own_version(team: Team, content: Json, registered: Json) -> None:
    done = team.carry_out("share_model", sharing(team, content))

    assert done.changed is True
    assert done.output["uri"] == f"azureml://registries/reg-shared/models/{team.name}/versions/{registered['version']}"
    assert done.output["digest"] == content["model_digest"]


def test_model_that_is_shared_already_is_reused(team: Team, content: Json, registered: Json) -> None:
    first = team.carry_out("share_model", sharing(team, content))
    again = team.carry_out("share_model", sharing(team, content))

    assert again.changed is False
    assert again.output == {**first.output, "reused": True}
    assert len(list_models(team.azure, REGISTRY, team.name)) == 1
    assert registered["version"] == "1"


def test_version_that_is_taken_by_something_else_is_left_alone(team: Team, content: Json) -> None:
    other = register_model(
        team.azure,
        DEV,
        team.name,
        version="1",
        type="custom_model",
        description=None,
        uri=content["model_uri"] + "inside/",
        tags={},
        properties={},
    )
    _share_and_wait(team, other.version)
    release = team.carry_out("register_model", _registering(team, content)).output

    done = team.carry_out(
        "share_model", sharing(team, content), outputs={"register_model": {**release, "version": "2"}}
    )
    clash = team.carry_out(
        "share_model", sharing(team, content), outputs={"register_model": {**release, "version": "1"}}
    )

    assert release["version"] == "2"
    assert done.output["version"] == "2"
    assert clash.output["version"] == "2"


def test_share_that_was_cut_off_is_taken_up_again(
    team: Team, content: Json, registered: Json, emulator: RunningEmulator
) -> None:
    emulator.delay(share=2.0)
    team.on_wait.append(lambda: setattr(team, "stop_after", 0))
    with pytest.raises(Interrupted):
        team.carry_out("share_model", sharing(team, content))
    team.on_wait.clear()
    team.stop_after = None

    done = team.carry_out("share_model", sharing(team, content))

    assert done.output["digest"] == content["model_digest"]
    assert len(list_models(team.azure, REGISTRY, team.name)) == 1
    assert registered["version"] == "1"


def test_share_that_fails_is_tried_again_with_success(
    team: Team, content: Json, registered: Json, emulator: RunningEmulator
) -> None:
    emulator.break_operation("share", code="InternalServerError", message="The copy broke.")

    with pytest.raises(AzureMLError):
        team.carry_out("share_model", sharing(team, content))

    assert team.carry_out("share_model", sharing(team, content)).changed is True
    assert registered["version"] == "1"


def test_registry_that_is_not_there_is_named(team: Team, content: Json, registered: Json) -> None:
    with pytest.raises(Refused, match="reg-nowhere") as refused:
        team.carry_out("share_model", sharing(team, content, registry="reg-nowhere"))

    assert refused.value.code == "registry_not_found"
    assert registered["version"] == "1"


def test_environment_is_shared_once(team: Team, trained: Trained) -> None:
    environment = trained.environment
    config = {
        "workspace": place(),
        "registry": "reg-shared",
        "name": environment.name,
        "version": environment.version,
        "digest": environment.digest,
    }

    first = team.carry_out("share_environment", config)
    again = team.carry_out("share_environment", config)

    assert again.changed is False
    assert first.output["uri"] == again.output["uri"]
    assert first.output["uri"].startswith("azureml://registries/reg-shared/environments/team-env/versions/")


def test_environment_that_was_written_inside_a_job_is_shared_by_the_version_that_it_has(team: Team) -> None:
    shared = {}
    for python in ("3.10", "3.11"):
        job = f"{team.name}-{python.replace('.', '')}"
        train(team.azure, _job_with_its_environment(team.scratch / job, python=python), name=job)
        content = team.resolve_content(resolving(team, job, environment=None, model={"file": None}))
        environment = content["environment"]
        config = {"workspace": place(), "registry": "reg-shared", **environment}

        first = team.carry_out("share_environment", config)
        again = team.carry_out("share_environment", config)

        assert environment["id"].endswith(environment["version"])
        assert (first.output["digest"], first.output["version"]) == (environment["digest"], environment["version"])
        assert again.output == {**first.output, "reused": True}
        shared[python] = environment["version"]
    assert len(set(shared.values())) == 2, "other packages are another version"


def _job_with_its_environment(folder: Path, *, python: str) -> Path:
    folder.mkdir()
    (folder / "conda.yml").write_text(f"dependencies:\n  - python={python}\n  - pip\n")
    (folder / "pipeline.yml").write_text(
        """
command: echo weights > ${{outputs.model}}/weights.bin
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
  conda_file: conda.yml
compute: azureml:cpu-cluster
outputs:
  model:
    type: uri_folder
"""
    )
    return folder


def test_environment_of_other_content_is_refused(team: Team, trained: Trained) -> None:
    config = {
        "workspace": place(),
        "registry": "reg-shared",
        "name": trained.environment.name,
        "version": trained.environment.version,
        "digest": "sha256:other",
    }

    with pytest.raises(Refused) as refused:
        team.carry_out("share_environment", config)

    assert refused.value.code == "digest_mismatch"


def test_environment_that_lives_in_a_registry_needs_no_sharing_and_must_be_there(team: Team, trained: Trained) -> None:
    environment = trained.environment
    config = {
        "workspace": place(),
        "registry": "reg-shared",
        "name": environment.name,
        "version": environment.version,
        "digest": environment.digest,
    }
    copy = team.carry_out("share_environment", config).output["uri"]
    version = copy.rsplit("/", 1)[-1]

    done = team.carry_out("share_environment", {**config, "registry": "reg-none", "version": version, "id": copy})

    assert done.changed is False
    assert done.output["uri"] == copy
    with pytest.raises(Refused) as refused:
        team.carry_out("share_environment", {**config, "id": copy.replace("reg-shared", "azureml")})
    assert refused.value.code == "environment_not_found"


def _share_and_wait(team: Team, version: str) -> None:
    share = Sharing(team.azure, DEV, REGISTRY, "model", team.name, version, as_version=version)
    while not share.has_ended:
        team._wait(0.1)


def _registering(team: Team, content: Json) -> Json:
    from tests.steps.fixtures import registering

    return registering(team, content)
