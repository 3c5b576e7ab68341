"""Workspaces, groups, datastores, computes: as ARM resources and through the real SDK."""

from collections.abc import Callable

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute, AzureBlobDatastore, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

Client = Callable[[str], MLClient]
_SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION}"


def path(name: str, *, group: str = GROUP) -> str:
    return f"{_SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{name}"


def test_a_workspace_has_what_the_sdk_needs(ml_client: Client) -> None:
    found = ml_client("ws-dev").workspaces.get("ws-dev")
    assert (found.location, found.resource_group) == ("eastus", GROUP)
    assert found.discovery_url.endswith("/discovery")
    assert {each.name for each in ml_client("ws-dev").workspaces.list()} >= {"ws-dev", "ws-prod"}


def test_a_workspace_is_made_by_a_put(azure: RunningEmulator, ml_client: Client) -> None:
    made = azure.ask("PUT", path("ws-made"), {"location": "East US 2", "tags": {"a": "b"}})
    assert made.status_code == 201
    assert made.json()["location"] == "eastus2"
    again = azure.ask("PUT", path("ws-made"), {"location": "East US 2", "tags": {"a": "c"}})
    assert again.status_code == 200
    assert again.json()["properties"]["workspaceId"] == made.json()["properties"]["workspaceId"]
    assert [each.name for each in ml_client("ws-made").datastores.list()] == [
        "workspaceblobstore",
        "workspaceartifactstore",
    ]


def test_a_deleted_workspace_is_gone(azure: RunningEmulator, ml_client: Client) -> None:
    azure.ask("PUT", path("ws-short"), {"location": "eastus"})
    ml_client("ws-short").workspaces.begin_delete("ws-short", delete_dependent_resources=False).wait()
    assert azure.ask("GET", path("ws-short")).status_code == 404


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-ml", "SubscriptionNotFound"),
        (f"{_SUBSCRIPTION}/resourceGroups/rg-nowhere", "ResourceGroupNotFound"),
        (f"{_SUBSCRIPTION}/resourceGroups/{GROUP}", "ResourceNotFound"),
    ],
)
def test_what_is_missing_is_named(azure: RunningEmulator, where: str, code: str) -> None:
    answer = azure.ask("GET", f"{where}/providers/Microsoft.MachineLearningServices/workspaces/ws-nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == code


def test_a_workspace_is_found_in_its_group_only(azure: RunningEmulator) -> None:
    group = f"{_SUBSCRIPTION}/resourceGroups/rg-other"
    assert azure.ask("PUT", group, {"location": "eastus"}).status_code in (200, 201)
    assert azure.ask("GET", path("ws-dev", group="rg-other")).status_code == 404
    assert azure.ask("PUT", path("ws-dev", group="rg-other"), {"location": "eastus"}).status_code == 409


@pytest.mark.parametrize("name", ["ab", "-abc", "a" * 34, "a.b.c"])
def test_a_name_that_is_none_is_refused(azure: RunningEmulator, name: str) -> None:
    answer = azure.ask("PUT", path(name), {"location": "eastus"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ValidationError")


def test_a_body_that_is_none_is_refused(azure: RunningEmulator) -> None:
    headers = {"Authorization": f"Bearer {azure.token()}", "Content-Type": "application/json"}
    answer = azure.client.put(path("ws-broken"), content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


def test_what_the_emulator_does_not_have_it_says(azure: RunningEmulator) -> None:
    answer = azure.ask("GET", f"{path('ws-dev')}/featuresets")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("The emulator has nothing at GET /subscriptions/")


def test_a_datastore_is_another_place_in_storage(ml_client: Client, azure: RunningEmulator) -> None:
    client = ml_client("ws-dev")
    default = client.datastores.get_default()
    made = AzureBlobDatastore(name="archive", account_name=default.account_name, container_name=default.container_name)
    client.datastores.create_or_update(made)
    assert client.datastores.get("archive").container_name == default.container_name
    assert default.name == "workspaceblobstore"
    assert client.datastores.get("workspaceblobstore", include_secrets=True).credentials.account_key
    client.datastores.delete("archive")
    with pytest.raises(ResourceNotFoundError):
        client.datastores.get("archive")
    assert azure.ask("DELETE", f"{path('ws-dev')}/datastores/workspaceblobstore").status_code == 400


def test_storage_elsewhere_is_refused(ml_client: Client) -> None:
    with pytest.raises(HttpResponseError, match="does not exist"):
        ml_client("ws-dev").datastores.create_or_update(
            AzureBlobDatastore(name="far", account_name="somebodyelse", container_name="c")
        )
    with pytest.raises(HttpResponseError, match="fetches nothing from elsewhere"):
        ml_client("ws-dev").models.create_or_update(
            Model(name="far", version="1", path="https://example.org/container/model.pkl")
        )


def test_clusters_come_and_go(ml_client: Client) -> None:
    client = ml_client("ws-dev")
    assert client.compute.get("cpu-cluster").type == "amlcompute"
    client.compute.begin_create_or_update(
        AmlCompute(name="gpu-cluster", size="Standard_NC6s_v3", max_instances=2)
    ).wait()
    assert client.compute.get("gpu-cluster").max_instances == 2
    with_it = {each.name for each in client.compute.list()}  # other tests may have left some
    assert {"cpu-cluster", "gpu-cluster"} <= with_it
    client.compute.begin_delete("gpu-cluster").wait()
    assert {each.name for each in client.compute.list()} == with_it - {"gpu-cluster"}
