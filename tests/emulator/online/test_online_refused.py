"""Settings that would have no effect are refused, and so is what Azure Resource Manager refuses of any resource."""

from typing import Any

import pytest

from .rest import Rest, refusal


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"modelMountPath": "/models"}, "AZUREML_MODEL_DIR"),
        ({"appInsightsEnabled": True}, "Application Insights"),
        ({"egressPublicNetworkAccess": "disabled"}, "networks"),
        ({"scaleSettings": {"scaleType": "TargetUtilization", "maxInstances": 4}}, "scaleSettings"),
        ({"dataCollector": {"collections": {"model_inputs": {"dataCollectionMode": "Enabled"}}}}, "model_inputs"),
        ({"startupProbe": {"period": "PT1S"}}, "startupProbe"),
        ({"somethingNew": {"a": 1}}, "somethingNew"),
        ({"endpointComputeType": "Kubernetes"}, "Kubernetes"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(
    rest: Rest, endpoint: str, setting: dict[str, Any], words: str
) -> None:
    answer = rest.put_deployment(endpoint, "blue", code="echo", **setting)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "NotEmulated")
    assert words in answer.json()["error"]["message"]


def test_the_same_settings_without_effect_are_taken(rest: Rest, endpoint: str) -> None:
    rest.deploy(
        endpoint,
        "blue",
        modelMountPath=None,
        appInsightsEnabled=False,
        egressPublicNetworkAccess="enabled",
        scaleSettings={"scaleType": "default"},
        dataCollector={"collections": {"model_inputs": {"dataCollectionMode": "Disabled"}}},
        startupProbe=None,
    )

    # What was read can be sent again.
    body = rest.deployment(endpoint, "blue")
    assert rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}/deployments/blue", body))["status"] == "Succeeded"


def test_an_environment_with_a_server_of_its_own_is_refused(rest: Rest, endpoint: str) -> None:
    route = {"port": 8501, "path": "/"}
    body = {
        "properties": {
            "image": "mcr.microsoft.com/azureml/minimal:latest",
            "inferenceConfig": {"livenessRoute": route, "readinessRoute": route, "scoringRoute": route},
        }
    }
    rest.arm("PUT", "environments/own-server/versions/1", body).raise_for_status()

    answer = rest.put_deployment(endpoint, "blue", code="echo", environment="own-server")

    assert answer.json()["error"]["code"] == "NotEmulated"


@pytest.mark.parametrize("name", [*"<>%&\\?/", "\n"])
def test_a_tag_with_a_reserved_character_is_refused(rest: Rest, endpoint: str, name: str) -> None:
    for path in (f"onlineEndpoints/{endpoint}", f"onlineEndpoints/{endpoint}/deployments/blue"):
        answer = rest.arm("PUT", path, {"location": "eastus", "tags": {f"a{name}b": "c"}, "properties": {}})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] in ("InvalidTagNameCharacters", "BadRequest")
    answer = rest.arm("PATCH", f"onlineEndpoints/{endpoint}", {"tags": {f"a{name}b": "c"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidTagNameCharacters")


@pytest.mark.parametrize(
    "tags",
    [
        {str(n): "x" for n in range(51)},
        {"a" * 513: "x"},
        {"a": "x" * 257},
        {"": "x"},
        {"Microsoft-x": "x"},
        {"azure": "x"},
        {"windows.x": "x"},
        {"a": "x", "A": "y"},
    ],
)
def test_tags_over_the_limits_are_refused(rest: Rest, endpoint: str, tags: dict[str, str]) -> None:
    answer = rest.arm("PATCH", f"onlineEndpoints/{endpoint}", {"tags": tags})

    assert answer.status_code == 400


def test_tags_within_the_limits_are_kept(rest: Rest, endpoint: str) -> None:
    tags = {**{str(n): "x" for n in range(48)}, "a" * 512: "x" * 256, "team: größe #1 (x)": "<any/thing?>"}

    rest.arm("PATCH", f"onlineEndpoints/{endpoint}", {"tags": tags}).raise_for_status()

    assert rest.endpoint(endpoint)["tags"] == tags


def test_spellings_are_answered_as_azure_spells_them(rest: Rest, endpoint: str) -> None:
    body = rest.endpoint(endpoint)
    body["identity"] = {"type": "system_assigned"}
    body["properties"] |= {"authMode": "amltoken", "publicNetworkAccess": "disabled"}

    assert rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}", body))["status"] == "Succeeded"

    found = rest.endpoint(endpoint)
    spelled = (found["properties"]["authMode"], found["properties"]["publicNetworkAccess"], found["identity"]["type"])
    assert spelled == ("AMLToken", "Disabled", "SystemAssigned")


@pytest.mark.parametrize("size", ["Standard_D2ds_v5", "Standard_D2s_v3", "Standard_B2s", "nonsense"])
def test_a_size_that_endpoints_do_not_run_on_is_refused_at_once(rest: Rest, endpoint: str, size: str) -> None:
    answer = rest.put_deployment(endpoint, "blue", code="echo", instanceType=size)

    assert f"'{size}' is not supported" in refusal(answer)


def test_a_name_is_taken_in_the_region_whoever_has_it(rest: Rest, endpoint: str) -> None:
    answer = rest.arm(
        "PUT", f"onlineEndpoints/{endpoint.upper()}", {"location": "eastus", "properties": {}}, workspace="ws-prod"
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "EndpointNameNotAvailable")


def test_each_mode_takes_its_own_credentials_and_no_others(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    entra = rest.token("https://ml.azure.com")
    key = rest.key(endpoint)

    def statuses(*credentials: str) -> list[int]:
        return [rest.score(endpoint, {}, deployment="blue", key=each).status_code for each in credentials]

    def change(mode: str) -> None:
        body = rest.endpoint(endpoint)
        body["properties"]["authMode"] = mode
        assert rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}", body))["status"] == "Succeeded"

    assert statuses(key, entra) == [200, 401]
    assert rest.arm("POST", f"onlineEndpoints/{endpoint}/token").status_code == 400

    change("AMLToken")
    own = rest.arm("POST", f"onlineEndpoints/{endpoint}/token").raise_for_status().json()["accessToken"]
    assert statuses(key, entra, own) == [401, 401, 200]
    assert rest.arm("POST", f"onlineEndpoints/{endpoint}/listKeys").status_code == 400

    change("AADToken")
    assert statuses(key, own, entra) == [401, 401, 200]
