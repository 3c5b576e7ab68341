"""Content that is registered already: pinned by what its files are now, and refused where they are not what they were."""

from typing import Any

import pytest

from app.azureml.environments import get_environment
from app.azureml.models import register_model
from app.azureml.sharing import Sharing
from app.steps.contract import Refused
from tests.azureml.fixtures import DEV, REGISTRY, Trained
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Json, Team, place, resolving


def from_model(team: Team, uri: str, **changes: Any) -> Json:
    return resolving(team, "", source={"kind": "model", "uri": uri}, **changes)


@pytest.fixture
def version(team: Team, content: Json) -> str:
    """Registered by somebody, from the trained job's output."""
    return by_hand(team, content)


def by_hand(team: Team, content: Json, **tags: str) -> str:
    made = register_model(
        team.azure,
        DEV,
        team.name,
        version="7",
        type="custom_model",
        description=None,
        uri=content["model_uri"],
        tags=tags,
        properties={},
    )
    return f"azureml:{team.name}:{made.version}"


def overwrite(emulator: RunningEmulator, *, of: str) -> None:
    """What whoever may write to the storage can do to a registered version."""
    (file,) = (each for each in (emulator.data / "blobs").rglob("factor.json") if of in each.as_posix())
    file.write_text("4")


def test_model_of_the_workspace_is_pinned_with_what_is_known_of_its_job(
    team: Team, trained: Trained, content: Json, version: str
) -> None:
    found = team.resolve_content(from_model(team, version))

    assert found["model_digest"] == content["model_digest"]
    assert (found["registered"]["name"], found["registered"]["version"]) == (team.name, "7")
    assert found["registered"]["id"].endswith(f"/ws-dev/models/{team.name}/versions/7")
    assert found["environment"]["digest"] == trained.environment.digest
    assert (found["metrics"], found["git_author"]) == (content["metrics"], content["git_author"])


def test_environment_that_is_not_named_is_the_one_of_the_models_job(team: Team, trained: Trained, version: str) -> None:
    assert (
        team.resolve_content(from_model(team, version, environment=None))["environment"]["id"] == trained.environment.id
    )


def test_model_of_a_registry_is_pinned(team: Team, content: Json, version: str) -> None:
    assert version
    _share(team, "model", team.name, "7")

    found = team.resolve_content(from_model(team, f"azureml://registries/reg-shared/models/{team.name}/versions/7"))

    assert found["model_digest"] == content["model_digest"]
    assert found["registered"]["registry"] == "reg-shared"
    assert found["registered"]["id"] == f"azureml://registries/reg-shared/models/{team.name}/versions/7"


@pytest.mark.parametrize(
    ("uri", "code", "says"),
    [
        ("azureml:{name}:8", "model_not_found", "workspace ws-dev"),
        ("azureml:none:1", "model_not_found", "none:1"),
        ("azureml://registries/reg-shared/models/{name}/versions/8", "model_not_found", "registry reg-shared"),
        ("azureml://registries/reg-none/models/{name}/versions/7", "registry_not_found", "reg-none"),
    ],
)
def test_version_that_is_not_there_is_named(team: Team, version: str, uri: str, code: str, says: str) -> None:
    assert version
    with pytest.raises(Refused, match=says) as refused:
        team.resolve_content(from_model(team, uri.format(name=team.name)))

    assert refused.value.code == code


def test_version_without_the_file_that_the_definition_names_is_refused(team: Team, version: str) -> None:
    with pytest.raises(Refused, match=r"has no model\.pkl; it has factor\.json") as refused:
        team.resolve_content(from_model(team, version, model={"file": "model.pkl"}))

    assert refused.value.code == "model_file_missing"


def test_version_that_was_overwritten_since_it_was_registered_with_a_digest_is_refused(
    team: Team, content: Json, emulator: RunningEmulator
) -> None:
    version = by_hand(team, content, **{"mlrelease.digest": content["model_digest"]})
    overwrite(emulator, of=_folder(emulator, team.name))

    with pytest.raises(Refused, match=content["model_digest"]) as refused:
        team.resolve_content(from_model(team, version))

    assert refused.value.code == "digest_mismatch"


def test_version_that_was_overwritten_since_it_was_planned_is_not_found(
    team: Team, version: str, emulator: RunningEmulator
) -> None:
    planned = team.resolve_content(from_model(team, version))
    finding = {
        "workspace": place(),
        "registry": None,
        "name": team.name,
        "version": "7",
        "digest": planned["model_digest"],
    }
    assert team.carry_out("find_model", finding).output["digest"] == planned["model_digest"]
    overwrite(emulator, of=_folder(emulator, team.name))

    with pytest.raises(Refused, match=planned["model_digest"]) as refused:
        team.carry_out("find_model", finding)

    assert refused.value.code == "digest_mismatch"


def test_content_of_a_release_is_found_where_it_is_registered(
    team: Team, content: Json, registered: Json, emulator: RunningEmulator
) -> None:
    again = resolving(team, "", source={"kind": "release", "release": "churn-1"}, earlier=content, environment=None)

    found = team.resolve_content(again)

    assert found == {
        **content,
        "source": {"kind": "release", "release": "churn-1"},
        "registered": {**{key: registered[key] for key in ("name", "version", "id")}, "registry": None},
    }
    overwrite(emulator, of=_folder(emulator, team.name))
    with pytest.raises(Refused, match=content["model_digest"]):
        team.resolve_content(again)


def test_content_of_a_release_that_registered_nothing_is_found_in_the_jobs_output(team: Team, content: Json) -> None:
    again = resolving(team, "", source={"kind": "release", "release": "churn-1"}, earlier=content)

    assert team.resolve_content(again)["registered"] is None
    with pytest.raises(Refused) as refused:
        team.resolve_content({**again, "earlier": {**content, "model_digest": "sha256:other"}})
    assert refused.value.code == "digest_mismatch"


def test_environment_that_is_another_one_by_now_is_refused(team: Team, content: Json) -> None:
    was = {**content, "environment": {**content["environment"], "digest": "sha256:other"}}
    again = resolving(team, "", source={"kind": "release", "release": "churn-1"}, earlier=was)

    with pytest.raises(Refused, match="another one") as refused:
        team.resolve_content(again)

    assert refused.value.code == "environment_changed"


@pytest.mark.parametrize("which", ["versions/1", "labels/latest"])
def test_environment_of_a_registry_is_pinned_to_its_version(team: Team, trained: Trained, which: str) -> None:
    if get_environment(team.azure, REGISTRY, "team-env", "1") is None:
        _share(team, "environment", "team-env", "1")

    found = team.resolve_content(
        resolving(team, trained.job, environment=f"azureml://registries/reg-shared/environments/team-env/{which}")
    )["environment"]

    assert found == {
        "name": "team-env",
        "version": "1",
        "digest": trained.environment.digest,
        "id": "azureml://registries/reg-shared/environments/team-env/versions/1",
    }
    sharing = {"workspace": place(), "registry": "reg-none", **found}
    assert team.carry_out("share_environment", sharing).output["uri"] == found["id"]
    with pytest.raises(Refused) as refused:
        team.carry_out("share_environment", {**sharing, "digest": "sha256:other"})
    assert refused.value.code == "digest_mismatch"


def _share(team: Team, kind: Any, name: str, version: str) -> None:
    sharing = Sharing(team.azure, DEV, REGISTRY, kind, name, version, as_version=version)
    while not sharing.has_ended:
        team._wait(0.05)


def _folder(emulator: RunningEmulator, name: str) -> str:
    """Where the emulated storage keeps the files of a model's version, whatever was made of the same output."""
    found = {each.as_posix() for each in (emulator.data / "blobs").rglob("factor.json") if name in each.as_posix()}
    (file,) = found
    return file
