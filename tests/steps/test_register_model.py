"""Registering a job's model, once for each content."""

from typing import Any

import pytest

from app.azureml.models import list_models, register_model
from app.steps.contract import Interrupted, Refused
from tests.azureml.fixtures import DEV, train
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Team, registering, resolving

Json = dict[str, Any]


def test_model_is_registered_from_nothing(team: Team, content: Json) -> None:
    done = team.carry_out("register_model", registering(team, content))

    assert done.changed is True
    assert done.output == {
        "name": team.name,
        "version": "1",
        "id": done.output["id"],
        "digest": content["model_digest"],
        "reused": False,
    }
    (model,) = list_models(team.azure, DEV, team.name)
    assert model.tags["mlrelease.digest"] == content["model_digest"]
    assert model.tags["mlrelease.release"] == f"{team.name}-1"


def test_same_content_is_reused(team: Team, content: Json, registered: Json) -> None:
    again = team.carry_out("register_model", registering(team, content))

    assert again.changed is False
    assert again.output == {**registered, "reused": True}
    assert len(list_models(team.azure, DEV, team.name)) == 1


def test_version_after_nine_is_ten(team: Team, content: Json) -> None:
    for version in ("9", "10", "2", "hotfix"):
        _register_other(team, content, version=version)

    assert team.carry_out("register_model", registering(team, content)).output["version"] == "11"


def test_somebody_takes_the_version_meanwhile(team: Team, content: Json, emulator: RunningEmulator) -> None:
    # The listing that finds the name free is old by the time of the PUT: somebody else's version 1 is there then.
    emulator.break_request(f"models/{team.name}/versions/1", method="PUT", status=409, code="Conflict")

    done = team.carry_out("register_model", registering(team, content))

    assert done.output["digest"] == content["model_digest"]


def test_answer_that_was_lost_is_found_again(team: Team, content: Json, emulator: RunningEmulator) -> None:
    emulator.break_request(f"models/{team.name}/versions/1", method="PUT", cut="after")

    done = team.carry_out("register_model", registering(team, content))

    assert done.output["version"] == "1"
    assert len(list_models(team.azure, DEV, team.name)) == 1


def test_content_that_is_not_what_was_asked_for_is_refused(team: Team, content: Json) -> None:
    with pytest.raises(Refused) as refused:
        team.carry_out("register_model", {**registering(team, content), "digest": "sha256:other"})

    assert refused.value.code == "digest_mismatch"


def test_tag_that_lies_is_found_out(team: Team, content: Json) -> None:
    _register_other(team, content, version="1", tags={"mlrelease.digest": content["model_digest"]})

    with pytest.raises(Refused) as refused:
        team.carry_out("register_model", registering(team, content))

    assert refused.value.code == "digest_mismatch"


def test_cancelled_before_the_write_leaves_nothing(team: Team, content: Json) -> None:
    team.stop_after = 0

    with pytest.raises(Interrupted):
        team.carry_out("register_model", registering(team, content))

    assert list_models(team.azure, DEV, team.name) == []


def _register_other(team: Team, content: Json, *, version: str, tags: Json | None = None) -> None:
    """A version of something else: one file of the same output."""
    register_model(
        team.azure,
        DEV,
        team.name,
        version=version,
        type="custom_model",
        description=None,
        uri=content["model_uri"] + "inside/",
        tags=tags or {},
        properties={},
    )


@pytest.mark.usefixtures("trained")  # its environment
def test_what_the_job_registered_itself_is_reused(team: Team) -> None:
    folder = team.scratch / "job"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(
        f"""
command: echo 3 > ${{{{outputs.model}}}}/factor.json
environment: azureml:team-env@latest
compute: azureml:cpu-cluster
outputs:
  model:
    type: custom_model
    name: {team.name}
"""
    )
    job = f"{team.name}-own"
    train(team.azure, folder, name=job)
    content = team.resolve_content(resolving(team, job))

    done = team.carry_out("register_model", registering(team, content))

    assert (done.changed, done.output["version"]) == (False, "1")
    assert [model.version for model in list_models(team.azure, DEV, team.name)] == ["1"]


def test_another_job_s_own_version_of_other_content_is_left_alone(team: Team, content: Json) -> None:
    _register_other(team, content, version="1")

    done = team.carry_out("register_model", registering(team, content))

    assert (done.changed, done.output["version"]) == (True, "2")
