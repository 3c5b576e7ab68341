"""Whether a request for an endpoint or a deployment may begin, given what is there. Each raises Azure's refusal if not."""

from emulator.online import quota, records, rules, sizes
from emulator.online.refusals import Invalid, NameTaken
from emulator.state import Emulator
from emulator.store import Document


def check_creation(azure: Emulator, workspace: Document, name: str, wanted: Document) -> None:
    rules.check_name(name, what="endpoint")
    rules.check_no_traffic_at_creation(wanted["traffic"], wanted["mirrorTraffic"])
    if azure.store.get("regions", workspace["location"], "endpoints", name) is not None:
        raise NameTaken(name)
    mine = [
        each
        for each in azure.store.children("regions", workspace["location"], "endpoints")
        if each["subscription"] == workspace["subscription"]
    ]
    if len(mine) >= rules.MAX_ENDPOINTS:
        raise Invalid(
            f"The subscription has {len(mine)} endpoints in {workspace['location']}, which is the limit. "
            "Delete some or request a limit increase."
        )


def check_update(azure: Emulator, before: Document, wanted: Document) -> None:
    check_endpoint_idle(azure, before)
    existing = records.deployments(azure, before["workspace"], before["name"])
    rules.check_traffic(
        wanted["traffic"],
        wanted["mirrorTraffic"],
        deployments={each["name"]: _can_take_traffic(azure, each) for each in existing},
        before=before["_"]["routing"]["traffic"],
    )


def _can_take_traffic(azure: Emulator, deployment: Document) -> bool:
    return records.can_serve(deployment) and records.state(azure, deployment) != records.DELETING


def check_endpoint_idle(azure: Emulator, endpoint: Document) -> None:
    state = records.state(azure, endpoint)
    if state in records.BUSY:
        raise Invalid(f"Cannot update endpoint {endpoint['name']} because it is in {state} provisioning state.")


def check_open(azure: Emulator, endpoint: Document, deployment: str, *, new: bool) -> None:
    state = records.state(azure, endpoint)
    if state == records.DELETING or (not endpoint["_"]["provisioned"] and state not in records.BUSY):
        raise Invalid(
            "This endpoint has not been created successfully or is in deleting provisioning state. Please recreate endpoint "
            "and then try again to create deployment."
        )
    if state in records.BUSY:
        what = "create a deployment" if new else f"update the deployment {deployment}"
        raise Invalid(f"Cannot {what} in endpoint {endpoint['name']} because it is in {state} provisioning state.")


def check_deployment_idle(azure: Emulator, deployment: Document) -> None:
    state = records.state(azure, deployment)
    if state in records.BUSY:
        raise Invalid(f"Cannot update deployment {deployment['name']} because it is in {state} provisioning state.")
    if not records.can_serve(deployment):
        raise Invalid(
            f"Specified deployment [{deployment['name']}] failed during initial provisioning and is in an unrecoverable "
            "state. Delete and re-create."
        )


def check_room(azure: Emulator, workspace: Document, endpoint: Document) -> None:
    siblings = records.deployments(azure, workspace["name"], endpoint["name"])
    if len(siblings) >= rules.MAX_DEPLOYMENTS_OF_ENDPOINT:
        raise Invalid(
            f"Endpoint {endpoint['name']} has {len(siblings)} deployments, which is the limit. Delete some of them."
        )


def check_quota(
    azure: Emulator, workspace: Document, instance_type: str, instances: int, *, replaces: Document | None
) -> None:
    where = {"subscription": workspace["subscription"], "location": workspace["location"]}
    existing = quota.deployments_in(azure, **where)
    if replaces is None and len(existing) >= rules.MAX_DEPLOYMENTS:
        raise Invalid(f"The subscription has {len(existing)} deployments in {where['location']}, which is the limit.")
    same = (replaces["workspace"], replaces["endpoint"], replaces["name"]) if replaces else None
    others = [each for each in existing if (each["workspace"], each["endpoint"], each["name"]) != same]
    family = sizes.size(instance_type).family
    sizes.check_quota(
        instance_type,
        instances=instances,
        used=quota.used(others, family=family),
        limit=quota.limit(azure, **where, family=family),
        subscription=workspace["subscription"],
    )


def check_without_traffic(endpoint: Document, deployment: Document) -> None:
    """What is asked for and what is in force: during an update the two differ, and either would be broken."""
    name = deployment["name"].lower()
    for rules_set in (endpoint["properties"], endpoint["_"]["routing"]):
        for kind, word in (("traffic", "live"), ("mirrorTraffic", "mirror")):
            percent = rules.positive(rules_set[kind]).get(name, 0)
            if percent:
                raise Invalid(
                    f"Cannot delete the deployment {deployment['name']}: it has {percent}% of the {word} traffic of endpoint "
                    f"{endpoint['name']}. Set its traffic to 0 first."
                )
