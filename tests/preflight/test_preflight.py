"""What is said before anybody is asked: each check, well and not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.azureml.quota import cores_needed
from tests.azureml.fixtures import DEV, PROD
from tests.azureml.running import RunningEmulator
from tests.journeys.azure import Azure, looking_at
from tests.preflight.looks import as_principal, look, looking
from tests.steps.fixtures import Json, Team, creating_endpoint, place

FAMILY = "standardESv3Family"  # of the team's deployment.yml
_RESOURCES = f"/subscriptions/{DEV.subscription}/resourceGroups/rg-ml/providers"


def outcomes(found: dict[str, Json]) -> dict[str, str]:
    return {name: each["outcome"] for name, each in found.items()}


@pytest.fixture
def portal(emulator: RunningEmulator) -> Iterator[Azure]:
    """Azure as its owner sees it; the quota is as before afterwards."""
    with looking_at(emulator.environment, emulator.data) as azure:
        yield azure
        azure.set_quota(FAMILY, 100)


def cores_used(portal: Azure) -> int:
    where = f"/subscriptions/{DEV.subscription}/providers/Microsoft.MachineLearningServices/locations/eastus/usages"
    (used,) = (each["currentValue"] for each in portal.ask("GET", where)["value"] if each["name"]["value"] == FAMILY)
    return int(used)


def test_nothing_is_wrong_with_a_stage_that_has_everything(team: Team) -> None:
    found = look(team)

    assert set(found) == {
        *("files", "workspace", "registry", "permissions"),
        *("endpoint", "instance_type", "quota", "key_vault"),
    }
    assert set(outcomes(found).values()) == {"passed"}, found
    assert "eastus" in found["workspace"]["sentence"]


def test_what_the_sdk_would_refuse_is_told_with_file_and_line(team: Team) -> None:
    file = team.bundle / "deployment.yml"
    file.write_text(file.read_text() + "data_collector:\n  collections:\n    requests:\n      enabled: true\n")
    (team.bundle / "src" / "score.py").write_text("def init():\n  ...\ndef run(:\n")

    found = look(team)["files"]

    assert (found["outcome"], found["code"], found["stage"]) == ("failed", "definition_invalid", None)
    assert (
        "deployment.yml:10: data_collector.collections.requests.enabled: must be `true` or `false`" in found["sentence"]
    )
    assert "score.py:3: is not Python 3." in found["sentence"]


def test_what_the_sdk_would_refuse_of_a_stage_s_settings_is_told_in_release_yml(team: Team) -> None:
    file = team.bundle / "release.yml"
    file.write_text(file.read_text() + "      data_collector: {collections: {requests: {enabled: true}}}\n")

    found = look(team)["files"]

    assert (found["outcome"], found["code"]) == ("failed", "definition_invalid")
    assert (
        "release.yml:15: stages[1].deployment.data_collector.collections.requests.enabled: must be" in found["sentence"]
    )
    assert found["sentence"].count("must be") == 1


def test_the_endpoint_of_a_stage_is_compared_as_the_stage_has_it(team: Team) -> None:
    file = team.bundle / "release.yml"
    file.write_text(file.read_text().replace("description: of prod", "auth_mode: aad_token"))
    team.carry_out("create_endpoint", creating_endpoint(team))

    as_written = look(team, name="dev", workspace=DEV, endpoint=team.endpoint)["endpoint"]
    as_set = look(team, name="prod", workspace=DEV, endpoint=team.endpoint)["endpoint"]

    assert (as_written["outcome"], as_set["code"]) == ("passed", "endpoint_differs")
    assert "auth_mode is key, expected aad_token" in as_set["sentence"]


def test_a_stage_where_the_model_was_made_needs_no_registry(team: Team) -> None:
    assert "registry" not in look(team, workspace=place(), registry=None, key_vault="kv-dev")


def test_nothing_more_is_said_of_a_workspace_that_is_not_there(team: Team) -> None:
    found = look(team, workspace=place(PROD.model_copy(update={"workspace": "ws-nowhere"})))

    assert list(found) == ["files", "workspace"]
    assert (found["workspace"]["outcome"], found["workspace"]["code"]) == ("failed", "workspace_not_found")


def test_registry_that_is_not_there_is_named(team: Team) -> None:
    found = look(team, registry="reg-nowhere")["registry"]

    assert (found["outcome"], found["code"]) == ("failed", "registry_not_found")


def test_registry_of_other_regions_is_refused_with_the_regions(team: Team, portal: Azure) -> None:
    portal.ask("PUT", f"{_RESOURCES}/Microsoft.MachineLearningServices/registries/reg-far", {"location": "West US"})

    found = look(team, registry="reg-far")["registry"]

    assert (found["outcome"], found["code"]) == ("failed", "registry_region")
    assert "westus only" in found["sentence"]
    assert "workspace ws-prod is in eastus" in found["sentence"]


def test_quota_counts_the_fifth_that_azure_reserves(team: Team, portal: Azure) -> None:
    taken = cores_used(portal)
    # 5 instances of 2 cores each are 10 cores, and 12 with the fifth.
    portal.set_quota(FAMILY, taken + 11)
    refused = look(team, instance_type="Standard_E2s_v3", instance_count=5)["quota"]
    portal.set_quota(FAMILY, taken + 12)
    enough = look(team, instance_type="Standard_E2s_v3", instance_count=5)["quota"]

    assert (refused["outcome"], refused["code"]) == ("failed", "quota_exceeded")
    assert "take 12 cores" in refused["sentence"]
    assert "11 are left" in refused["sentence"]
    assert enough["outcome"] == "passed"


@pytest.mark.parametrize(
    ("family", "instances", "cores"),
    [(FAMILY, 1, 4), (FAMILY, 2, 6), (FAMILY, 5, 12), (FAMILY, 6, 16), ("standardNDv5H100Family", 5, 10)],
)
def test_cores_are_rounded_up_by_instances_and_some_families_keep_none_back(
    family: str, instances: int, cores: int
) -> None:
    assert cores_needed(family, cores=2, instances=instances) == cores


@pytest.mark.parametrize("size", ["Standard_D2ds_v5", "STANDARD_NC6"])
def test_size_that_no_endpoint_runs_on_is_told_as_doubtful(team: Team, size: str) -> None:
    found = look(team, instance_type=size)["instance_type"]

    assert (found["outcome"], found["code"]) == ("unknown", "instance_type_unlisted")
    assert "will probably refuse the deployment" in found["sentence"]


def test_size_that_azure_does_not_list_is_not_known_rather_than_refused(team: Team) -> None:
    found = look(team, instance_type="Standard_Z1")["quota"]

    assert (found["outcome"], found["code"]) == ("unknown", "quota_unknown")


def test_endpoint_of_another_model_is_refused(team: Team, portal: Azure) -> None:
    _make_endpoint(portal, team.endpoint, tags={"mlrelease.model": "somebody-elses"})

    found = look(team)["endpoint"]

    assert (found["outcome"], found["code"]) == ("failed", "not_ours")
    assert "it serves model somebody-elses" in found["sentence"]


def test_name_that_two_stages_of_one_region_have_is_refused_at_the_later_one(team: Team) -> None:
    config = looking(team)
    dev = {**config["stages"][0], "name": "dev", "workspace": place(), "registry": None, "key_vault": None}
    config["stages"] = [dev, {**config["stages"][0], "endpoint": team.endpoint.upper()}]

    checks = team.preflight(config)

    at = {(each["stage"], each["check"]): each for each in checks}
    assert at["dev", "endpoint"]["outcome"] == "passed"
    refused = at["prod", "endpoint"]
    assert (refused["outcome"], refused["code"]) == ("failed", "name_taken")
    assert "Stages dev and prod" in refused["sentence"]
    assert "eastus" in refused["sentence"]
    assert "release.yml" in refused["hint"]


def test_name_that_a_workspace_of_the_region_has_is_refused_with_the_workspace(team: Team, portal: Azure) -> None:
    beside = f"{_RESOURCES}/Microsoft.MachineLearningServices/workspaces/ws-beside"
    portal.ask("PUT", beside, {"location": "East US", "identity": {"type": "SystemAssigned"}, "properties": {}})
    _make_endpoint(portal, team.endpoint, tags={}, workspace="ws-beside")

    found = look(team)["endpoint"]

    assert (found["outcome"], found["code"]) == ("failed", "name_taken")
    assert "workspace ws-beside has an endpoint of this name" in found["sentence"]


def test_name_that_a_workspace_of_another_region_has_is_free(team: Team, portal: Azure) -> None:
    far = f"{_RESOURCES}/Microsoft.MachineLearningServices/workspaces/ws-far"
    portal.ask("PUT", far, {"location": "westus", "identity": {"type": "SystemAssigned"}, "properties": {}})
    _make_endpoint(portal, team.endpoint, tags={}, workspace="ws-far", location="westus")

    found = look(team)["endpoint"]

    assert found["outcome"] == "passed"
    assert "that the service can see" in found["sentence"]


def test_workspaces_that_may_not_be_listed_are_not_looked_into_and_the_release_s_own_are(
    team: Team, portal: Azure, emulator: RunningEmulator
) -> None:
    emulator.break_request(r"providers/Microsoft\.MachineLearningServices/workspaces\?", status=403, times=20)
    free = look(team)["endpoint"]
    _make_endpoint(portal, team.endpoint, tags={}, workspace="ws-dev")
    taken = look(team)["endpoint"]

    assert free["outcome"] == "passed"
    assert "cannot look into all of them" in free["sentence"]
    assert (taken["outcome"], taken["code"]) == ("failed", "name_taken")


@pytest.mark.parametrize(("auth_mode", "action"), [("key", "listKeys"), ("aml_token", "token"), ("aad_token", "score")])
def test_right_to_send_golden_requests_is_looked_at_by_auth_mode(
    team: Team, emulator: RunningEmulator, auth_mode: str, action: str
) -> None:
    (Path(team.bundle) / "endpoint.yml").write_text(f"auth_mode: {auth_mode}\n")
    ml = "Microsoft.MachineLearningServices/workspaces"
    writes = [f"{ml}/*/read", f"{ml}/*/write", f"{ml}/read", "Microsoft.Authorization/*/read"]
    found = look(as_principal(team, emulator, {"actions": writes}))["permissions"]

    assert (found["outcome"], found["code"]) == ("failed", "not_permitted")
    assert f"{ml}/onlineEndpoints/{action}/action" in found["sentence"]


def test_endpoint_of_ours_passes_and_as_somebody_changed_it_does_not(team: Team) -> None:
    team.carry_out("create_endpoint", creating_endpoint(team))
    at_home = {"workspace": place(), "registry": None, "key_vault": None}
    before = look(team, **at_home)["endpoint"]
    (Path(team.bundle) / "endpoint.yml").write_text("auth_mode: aml_token\n")
    after = look(team, **at_home)["endpoint"]

    assert (before["outcome"], "belongs to this model" in before["sentence"]) == ("passed", True)
    assert (after["outcome"], after["code"]) == ("failed", "endpoint_differs")


def test_key_vault_that_is_not_there_is_named(team: Team) -> None:
    found = look(team, key_vault="kv-nowhere")["key_vault"]

    assert (found["outcome"], found["code"]) == ("failed", "key_vault_not_found")


def test_what_the_service_may_not_do_is_named_with_the_role_that_may(team: Team, emulator: RunningEmulator) -> None:
    found = look(as_principal(team, emulator, {"role": "Reader"}))

    assert outcomes(found) == {
        "files": "passed",
        "workspace": "passed",
        "registry": "failed",
        "permissions": "failed",
        "endpoint": "passed",
        "instance_type": "passed",
        "quota": "passed",
        "key_vault": "passed",
    }
    assert found["permissions"]["code"] == "not_permitted"
    assert "Microsoft.MachineLearningServices/workspaces/models/versions/write" in found["permissions"]["sentence"]
    assert "AzureML Data Scientist" in found["permissions"]["hint"]
    assert "AzureML Registry User" in found["registry"]["hint"]


def test_key_vault_that_does_not_let_us_in_is_refused(team: Team, emulator: RunningEmulator) -> None:
    ml = f"{_RESOURCES}/Microsoft.MachineLearningServices"
    found = look(as_principal(team, emulator, {"role": "Owner", "scope": ml}))["key_vault"]

    assert (found["outcome"], found["code"]) == ("failed", "not_permitted")
    assert "Key Vault Secrets Officer" in found["hint"]


def test_rights_that_azure_does_not_tell_are_not_known(team: Team, emulator: RunningEmulator) -> None:
    workspaces = f"{_RESOURCES}/Microsoft.MachineLearningServices/workspaces"
    scientist = {"role": "AzureML Data Scientist", "scope": workspaces}
    found = look(as_principal(team, emulator, scientist, {"actions": ["Microsoft.Resources/*/read"]}))

    assert (found["permissions"]["outcome"], found["permissions"]["code"]) == ("unknown", "not_permitted")
    assert "failed" not in {found["permissions"]["outcome"], found["quota"]["outcome"]}


def test_azure_that_is_away_for_a_moment_is_asked_again(team: Team, emulator: RunningEmulator) -> None:
    emulator.break_request("/usages", status=503)

    assert look(team)["quota"]["outcome"] == "passed"


def test_azure_that_stays_away_is_not_known(team: Team, emulator: RunningEmulator) -> None:
    emulator.break_request("/usages", status=503, times=20)

    found = look(team)["quota"]

    assert (found["outcome"], found["code"]) == ("unknown", "azure_unavailable")


def _make_endpoint(
    portal: Azure, name: str, *, tags: dict[str, str], workspace: str = "ws-prod", location: str = "eastus"
) -> None:
    body = {
        "location": location,
        "tags": tags,
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    }
    path = f"{_RESOURCES}/Microsoft.MachineLearningServices/workspaces/{workspace}/onlineEndpoints/{name}"
    portal.ask("PUT", path, body)
