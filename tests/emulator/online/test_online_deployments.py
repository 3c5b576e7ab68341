from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until

from .rest import Rest, refusal, workspace_id


def test_deployment_gets_azures_defaults(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")

    found = rest.deployment(endpoint, "blue")

    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["properties"]["requestSettings"]["requestTimeout"] == "PT5S"
    assert found["properties"]["scaleSettings"] == {"scaleType": "Default"}
    assert found["sku"] == {"name": "Default", "tier": "Standard", "capacity": 1}


def test_score_script_that_fails_to_start_is_told_by_code_and_log(rest: Rest, endpoint: str) -> None:
    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="failing"))

    assert ended["error"]["code"] == "ResourceNotReady"
    assert rest.deployment(endpoint, "blue")["properties"]["provisioningState"] == "Failed"
    assert "ValueError: there is no such model" in rest.logs(endpoint, "blue")
    assert "traffic" in refusal(rest.put_traffic(endpoint, {"blue": 100}))
    assert rest.score(endpoint, {}, deployment="blue").status_code == 424


def test_failed_creation_must_be_deleted_before_the_name_is_used_again(rest: Rest, endpoint: str) -> None:
    rest.finish(rest.put_deployment(endpoint, "blue", code="failing"))

    assert "Delete and re-create" in refusal(rest.put_deployment(endpoint, "blue", code="echo"))

    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/blue"))
    rest.deploy(endpoint, "blue")


def test_slow_start_fails_when_the_readiness_probe_gives_up(rest: Rest, endpoint: str) -> None:
    probe = {"initialDelay": "PT1S", "period": "PT1S", "failureThreshold": 1}

    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="endless", readinessProbe=probe))

    assert ended["error"]["code"] == "ResourceNotReady"
    assert "Readiness probe failed" in ended["error"]["message"]


def test_missing_package_fails_the_image_build(rest: Rest, endpoint: str) -> None:
    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="echo", environment="online-lacking"))

    assert ended["error"]["code"] == "ImageBuildFailure"
    assert "no-such-package-anywhere" in ended["error"]["message"]


def test_scoring_script_that_is_not_in_the_code_fails(rest: Rest, endpoint: str) -> None:
    code = {"codeId": f"{workspace_id('ws-dev')}/codes/echo/versions/1", "scoringScript": "main.py"}

    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="echo", codeConfiguration=code))

    assert ended["error"]["code"] == "BadArgument"


@pytest.mark.parametrize("field", ["model", "environmentId"])
def test_asset_that_does_not_exist_is_refused_at_once(rest: Rest, endpoint: str, field: str) -> None:
    kind = {"model": "models", "environmentId": "environments"}[field]

    wrong: dict[str, Any] = {field: f"{workspace_id('ws-dev')}/{kind}/nobody/versions/9"}

    answer = rest.put_deployment(endpoint, "blue", code="echo", **wrong)

    assert answer.status_code == 404
    assert "nobody" in answer.json()["error"]["message"]


def test_unknown_size_and_too_many_instances_are_refused(rest: Rest, endpoint: str) -> None:
    assert "VmSize" in refusal(rest.put_deployment(endpoint, "blue", code="echo", instanceType="Standard_X1"))
    assert "instance count" in refusal(rest.put_deployment(endpoint, "blue", code="echo", instances=51))


def test_quota_counts_the_upgrade_reserve_of_all_deployments(rest: Rest, endpoint: str) -> None:
    size = "Standard_F2s_v2"  # no other test uses this family
    rest.set_quota("standardFSv2Family", cores=8)
    rest.deploy(endpoint, "blue", instanceType=size)  # ceil(1.2 × 1) × 2 = 4 cores

    answer = rest.put_deployment(
        endpoint, "green", code="echo", instances=2, instanceType=size
    )  # ceil(1.2 × 2) × 2 = 6

    assert "Current usage/limit: 4/8. Additional needed: 6" in refusal(answer)
    assert answer.json()["error"]["details"][0]["code"] == "InferencingClientCreateDeploymentFailed"
    rest.deploy(endpoint, "green", instanceType=size)
    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/green"))
    rest.deploy(endpoint, "green", instanceType=size)


def test_endpoint_takes_twenty_deployments(rest: Rest, endpoint: str) -> None:
    rest.set_quota("standardDSv2Family", cores=1000)  # no other test uses this family
    rest.running.delay(deployment=600)
    for number in range(20):
        answer = rest.put_deployment(endpoint, f"blue-{number}", code="echo", instanceType="Standard_DS1_v2")
        assert answer.status_code == 201, answer.text

    one_more = rest.put_deployment(endpoint, "blue-20", code="echo", instanceType="Standard_DS1_v2")

    assert "20 deployments, which is the limit" in refusal(one_more)


def test_timeout_beyond_azures_limit_is_refused(rest: Rest, endpoint: str) -> None:
    settings = {"requestTimeout": "PT181S"}

    assert "180" in refusal(rest.put_deployment(endpoint, "blue", code="echo", requestSettings=settings))


def test_busy_deployment_refuses_an_update(rest: Rest, endpoint: str) -> None:
    rest.running.break_operation("deployment", resource=f"{endpoint}/", never_ends=True)
    assert rest.put_deployment(endpoint, "blue", code="echo").status_code == 201

    again = rest.put_deployment(endpoint, "blue", code="other")

    assert "because it is in Creating provisioning state" in refusal(again)


def test_deleting_cancels_a_creation_under_way(rest: Rest, endpoint: str) -> None:
    creation = rest.put_deployment(endpoint, "blue", code="endless")
    wait_until(lambda: "starting" in rest.logs(endpoint, "blue"), what="the script to start")

    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/blue"))

    assert rest.finish(creation)["error"]["code"] == "OperationCanceled"
    assert rest.arm("GET", f"onlineEndpoints/{endpoint}/deployments/blue").status_code == 404


def test_what_was_begun_for_a_deleted_deployment_does_nothing_to_the_next_of_its_name(
    rest: Rest, endpoint: str
) -> None:
    rest.running.delay(deployment=1.5)
    first = rest.put_deployment(endpoint, "blue", code="echo")
    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/blue"))
    rest.running.delay(deployment=600)
    rest.put_deployment(endpoint, "blue", code="other")

    ended = rest.finish(first)

    assert (ended["status"], ended["error"]["code"]) == ("Failed", "OperationCanceled")
    assert rest.deployment(endpoint, "blue")["properties"]["provisioningState"] == "Creating"


def test_deployment_is_there_until_its_files_are_gone(rest: Rest, endpoint: str) -> None:
    """Whoever sees that it is gone may make the next one of its name."""
    rest.deploy(endpoint, "blue")
    files = rest.running.data / "online" / "ws-dev" / endpoint / "blue"
    assert files.is_dir()
    fill(files)
    rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/blue")
    wait_until(
        lambda: rest.arm("GET", f"onlineEndpoints/{endpoint}/deployments/blue").status_code == 404, what="its end"
    )
    assert not files.exists()


def fill(folder: Path) -> None:
    """So that it takes a while to remove."""
    for number in range(2000):
        (folder / f"file-{number}").touch()


def test_update_in_place_replaces_the_script(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="echo")

    rest.deploy(endpoint, "blue", code="other")

    assert rest.score(endpoint, {}, deployment="blue").json()["word"] == "other"


def test_failed_update_leaves_the_old_revision_serving(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="echo")
    rest.set_traffic(endpoint, {"blue": 100})

    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="failing"))

    assert ended["status"] == "Failed"
    assert rest.deployment(endpoint, "blue")["properties"]["provisioningState"] == "Failed"
    assert rest.score(endpoint, {}).json()["word"] == "hello"
    rest.deploy(endpoint, "blue", code="other")
    assert rest.score(endpoint, {}).json()["word"] == "other"


def test_deployment_with_traffic_cannot_be_deleted(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    rest.deploy(endpoint, "green")
    rest.set_traffic(endpoint, {"blue": 100}, {"green": 10})

    live = rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/blue")
    mirrored = rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/green")

    assert "100% of the live traffic" in refusal(live)
    assert "10% of the mirror traffic" in refusal(mirrored)
    rest.set_traffic(endpoint, {"blue": 100})
    rest.finish(rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/green"))
    assert rest.arm("DELETE", f"onlineEndpoints/{endpoint}/deployments/green").status_code == 204


def test_patch_scales(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    one = {rest.score(endpoint, {}, deployment="blue").json()["pid"] for _ in range(6)}

    ended = rest.finish(rest.arm("PATCH", f"onlineEndpoints/{endpoint}/deployments/blue", {"sku": {"capacity": 2}}))

    assert ended["status"] == "Succeeded"
    assert rest.deployment(endpoint, "blue")["sku"]["capacity"] == 2
    assert rest.score(endpoint, {}, deployment="blue").json()["pid"] not in one


def test_injected_failure_fails_the_deployment(rest: Rest, endpoint: str) -> None:
    rest.running.break_operation("deployment", resource=f"{endpoint}/", code="OutOfQuota", message="No capacity.")

    ended = rest.finish(rest.put_deployment(endpoint, "blue", code="echo"))

    assert ended["error"] == {"code": "OutOfQuota", "message": "No capacity."}
    assert rest.deployment(endpoint, "blue")["properties"]["provisioningState"] == "Failed"


def test_storage_log_tells_the_models_digest(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")

    assert "models/words/versions/1 (sha256:" in rest.logs(endpoint, "blue", container="StorageInitializer")


def test_container_sees_azures_variables_and_no_secrets(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", environmentVariables={"MINE": "yes"})

    answer = rest.score(endpoint, {}, deployment="blue").json()

    assert answer["mine"] == "yes"
    assert {"AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT", "AML_APP_ROOT"} <= set(answer["variables"])
    assert not [name for name in answer["variables"] if "SECRET" in name or "KEY" in name or "TOKEN" in name]
