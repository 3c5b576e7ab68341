from collections.abc import Callable

import pytest

from .rest import Rest, refusal

Names = Callable[[], str]


def test_endpoint_without_addresses_until_it_is_created(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()
    rest.running.delay(endpoint=0.5)

    answer = rest.arm("PUT", f"onlineEndpoints/{name}", {"location": "eastus", "properties": {"authMode": "Key"}})

    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    assert answer.json()["properties"]["scoringUri"] is None
    rest.finish(answer)
    created = rest.endpoint(name)["properties"]
    assert created["provisioningState"] == "Succeeded"
    assert created["scoringUri"] == f"{rest.running.base_url}/inference/eastus/{name}/score"
    assert created["swaggerUri"] == f"{rest.running.base_url}/inference/eastus/{name}/swagger.json"


def test_put_replaces_all_that_was_said(rest: Rest, endpoint: str) -> None:
    first = {"location": "eastus", "tags": {"team": "a"}, "properties": {"authMode": "AMLToken", "description": "one"}}
    rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}", first))

    rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}", {"location": "eastus", "properties": {}}))

    found = rest.endpoint(endpoint)
    assert found["tags"] == {}
    assert found["properties"]["description"] is None
    assert found["properties"]["authMode"] == "Key"


def test_patch_changes_tags_only(rest: Rest, endpoint: str) -> None:
    rest.finish(rest.arm("PUT", f"onlineEndpoints/{endpoint}", {"properties": {"description": "one"}}))

    answer = rest.arm("PATCH", f"onlineEndpoints/{endpoint}", {"tags": {"team": "b"}})

    assert answer.json()["tags"] == {"team": "b"}
    assert answer.json()["properties"]["description"] == "one"


def test_identity_keeps_its_principal(rest: Rest, endpoint: str) -> None:
    before = rest.endpoint(endpoint)["identity"]["principalId"]

    rest.set_traffic(endpoint, {})

    assert rest.endpoint(endpoint)["identity"]["principalId"] == before


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1abc", "abc-", "a_bc", "a.bc"])
def test_name_that_azure_does_not_allow_is_refused(rest: Rest, name: str) -> None:
    answer = rest.arm("PUT", f"onlineEndpoints/{name}", {"location": "eastus", "properties": {}})

    assert "name" in refusal(answer)


def test_name_is_taken_in_the_whole_region_until_deleted(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()
    rest.create_endpoint(name)

    answer = rest.arm("PUT", f"onlineEndpoints/{name.upper()}", {"properties": {}}, workspace="ws-prod")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "EndpointNameNotAvailable"
    assert "unique within a region" in answer.json()["error"]["message"]
    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{name}"))
    rest.create_endpoint(name, workspace="ws-prod")


def test_traffic_at_creation_is_refused(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()

    answer = rest.arm("PUT", f"onlineEndpoints/{name}", {"properties": {"traffic": {"blue": 100}}})

    assert "created" in refusal(answer)
    assert rest.arm("GET", f"onlineEndpoints/{name}").status_code == 404


def test_traffic_for_an_unknown_deployment_is_refused(rest: Rest, endpoint: str) -> None:
    assert "'blue'" in refusal(rest.put_traffic(endpoint, {"blue": 100}))


def test_unknown_auth_mode_is_refused(rest: Rest, endpoint: str) -> None:
    answer = rest.arm("PUT", f"onlineEndpoints/{endpoint}", {"properties": {"authMode": "Password"}})

    assert "Password" in refusal(answer)


def test_busy_endpoint_refuses_deployments_and_updates(rest: Rest, endpoint: str) -> None:
    rest.running.break_operation("endpoint_update", resource=endpoint, never_ends=True)
    assert rest.put_traffic(endpoint, {}).status_code == 200

    deployment = rest.put_deployment(endpoint, "blue", code="echo")
    again = rest.put_traffic(endpoint, {})

    sentence = f"Cannot create a deployment in endpoint {endpoint} because it is in Updating provisioning state."
    assert refusal(deployment) == sentence
    assert "because it is in Updating provisioning state" in refusal(again)


def test_failed_update_leaves_the_traffic_as_it_was(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    rest.set_traffic(endpoint, {"blue": 100})
    rest.running.break_operation("endpoint_update", resource=endpoint)

    ended = rest.finish(rest.put_traffic(endpoint, {"blue": 0}))

    assert ended["status"] == "Failed"
    found = rest.endpoint(endpoint)["properties"]
    assert (found["provisioningState"], found["traffic"]) == ("Failed", {"blue": 100})
    assert rest.score(endpoint, {}).status_code == 200
    rest.set_traffic(endpoint, {"blue": 0})
    assert rest.endpoint(endpoint)["properties"]["provisioningState"] == "Succeeded"


def test_endpoint_that_was_not_created_takes_no_deployments(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()
    rest.running.break_operation("endpoint", resource=name)
    ended = rest.finish(rest.arm("PUT", f"onlineEndpoints/{name}", {"properties": {}}))

    answer = rest.put_deployment(name, "blue", code="echo")

    assert ended["status"] == "Failed"
    assert "has not been created successfully" in refusal(answer)
    rest.create_endpoint(name)
    rest.deploy(name, "blue")


def test_deleting_an_endpoint_takes_its_deployments_along(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()
    rest.create_endpoint(name)
    rest.deploy(name, "blue")
    rest.set_traffic(name, {"blue": 100})
    key = rest.key(name)

    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{name}"))

    assert rest.arm("GET", f"onlineEndpoints/{name}").status_code == 404
    assert rest.arm("GET", f"onlineEndpoints/{name}/deployments").status_code == 404
    assert rest.score(name, {}, key=key).status_code == 404
    assert rest.arm("DELETE", f"onlineEndpoints/{name}").status_code == 204
    assert not (rest.running.data / "online" / "ws-dev" / name).exists()


def test_regenerated_key_replaces_the_old_one_at_once(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    before = rest.arm("POST", f"onlineEndpoints/{endpoint}/listKeys").json()

    rest.arm("POST", f"onlineEndpoints/{endpoint}/regenerateKeys", {"keyType": "Primary"}).raise_for_status()

    after = rest.arm("POST", f"onlineEndpoints/{endpoint}/listKeys").json()
    assert after["secondaryKey"] == before["secondaryKey"]
    assert rest.score(endpoint, {}, deployment="blue", key=before["primaryKey"]).status_code == 401
    assert rest.score(endpoint, {}, deployment="blue", key=after["primaryKey"]).status_code == 200
    assert rest.score(endpoint, {}, deployment="blue", key=after["secondaryKey"]).status_code == 200


def test_endpoint_token_opens_its_own_endpoint_only(rest: Rest, endpoint_name: Names) -> None:
    mine, other = endpoint_name(), endpoint_name()
    for name in (mine, other):
        rest.create_endpoint(name, authMode="AMLToken")
        rest.deploy(name, "blue")

    token = rest.arm("POST", f"onlineEndpoints/{mine}/token").json()["accessToken"]

    assert rest.score(mine, {}, deployment="blue", key=token).status_code == 200
    assert rest.score(other, {}, deployment="blue", key=token).status_code == 401
    assert rest.arm("POST", f"onlineEndpoints/{mine}/listKeys").status_code == 400


def test_entra_token_needs_the_right_to_score(rest: Rest, endpoint_name: Names) -> None:
    name = endpoint_name()
    rest.create_endpoint(name, authMode="AADToken")
    rest.deploy(name, "blue")
    other = Rest(rest.running, rest.running.new_principal("reader", {"role": "Reader"}))

    assert rest.score(name, {}, deployment="blue", key=rest.token("https://ml.azure.com")).status_code == 200
    assert rest.score(name, {}, deployment="blue", key=other.token("https://ml.azure.com")).status_code == 401
    assert rest.score(name, {}, deployment="blue", key="nonsense").status_code == 401
