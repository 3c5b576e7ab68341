"""What a new data folder starts with, and what changes when an old one gets another address."""

from emulator import arm, compute, groups, identity, rights, workspaces
from emulator.keyvault import vaults
from emulator.registry import registries
from emulator.state import Emulator

_LOCATION = "eastus"
_BY = "emulator"


def plant(azure: Emulator) -> None:
    """Give a new data folder its subscription, group, workspaces, registry, vaults and owner; an old one is left alone."""
    with azure.store.transaction():
        if azure.store.get("planted"):
            return
        subscription, group = groups.SUBSCRIPTION, groups.GROUP
        azure.store.put("subscriptions", subscription, body={"subscriptionId": subscription})
        azure.store.put(
            "subscriptions", subscription, "groups", group, body={"name": group, "location": _LOCATION, "tags": {}}
        )
        for name in ("ws-dev", "ws-prod"):
            document = workspaces.create(
                azure, name, subscription=subscription, group=group, location=_LOCATION, by=_BY
            )
            compute.create_cluster(azure, document, "cpu-cluster", by=_BY)
        registries.create(azure, "reg-shared", subscription=subscription, group=group, location=_LOCATION, by=_BY)
        for name in ("kv-dev", "kv-prod"):
            vaults.create(azure, name, subscription=subscription, group=group, location=_LOCATION)
        owner = identity.add_principal(azure, name="owner", assignments=[rights.Assignment(role="Owner")])
        azure.store.put("owner", body={"client_id": owner.client_id})
        azure.store.put("planted", body={"at": arm.now()})


def move_to(azure: Emulator) -> None:
    """Write the present address wherever documents hold the one of an earlier run on another port."""
    before = azure.store.get("address")
    if before and before["base_url"] != azure.base_url:
        azure.store.replace_everywhere(before["base_url"], azure.base_url)
    azure.store.put("address", body={"base_url": azure.base_url})
