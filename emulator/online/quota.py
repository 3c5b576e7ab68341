"""Cores by VM family, subscription and region: how many there are, how many deployments take."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from emulator.errors import BadRequest
from emulator.online import records, sizes
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"


def limit(azure: Emulator, *, subscription: str, location: str, family: str) -> int:
    document = azure.store.get("quotas", subscription, location, family)
    return sizes.default_quota(family) if document is None else int(document["cores"])


def deployments_in(azure: Emulator, *, subscription: str, location: str) -> list[Document]:
    """Every online deployment of a subscription in a region, whatever its state: each takes quota until it is deleted."""
    return [
        deployment
        for workspace in azure.store.children("workspaces")
        if (workspace["subscription"].lower(), workspace["location"].lower())
        == (subscription.lower(), location.lower())
        for endpoint in records.endpoints(azure, workspace["name"])
        for deployment in records.deployments(azure, workspace["name"], endpoint["name"])
    ]


def used(deployments: list[Document], *, family: str) -> int:
    return sum(
        sizes.cores_needed(each["properties"]["instanceType"], instances=each["sku"]["capacity"])
        for each in deployments
        if sizes.size(each["properties"]["instanceType"]).family == family
    )


@router.get(_LOCATION + "/usages")
async def list_usages(azure: Azure, subscription: str, location: str) -> Document:
    """What ``az ml compute list-usage`` shows."""
    existing = deployments_in(azure, subscription=subscription, location=location)
    return {
        "value": [
            {
                "id": f"{_LOCATION.format(subscription=subscription, location=location)}/usages/{family}",
                "type": "Microsoft.MachineLearningServices/VMFamily/Usages",
                "unit": "Count",
                "currentValue": used(existing, family=family),
                "limit": limit(azure, subscription=subscription, location=location, family=family),
                "name": {"value": family, "localizedValue": family},
            }
            for family in sizes.families()
        ]
    }


@router.get(_LOCATION + "/vmSizes")
async def list_sizes() -> Document:
    """The VM sizes that endpoints can run on."""
    return {
        "value": [
            {
                "name": each.name,
                "family": each.family,
                "vCPUs": each.cores,
                "gpus": int(each.gpu),
                "osVhdSizeMB": 1047552,
                "maxResourceVolumeMB": 0,
                "memoryGB": 0,
                "lowPriorityCapable": False,
                "premiumIO": True,
                "supportedComputeTypes": ["AmlCompute"],
            }
            for each in sizes.SIZES.values()
        ]
    }


class Quota(BaseModel):
    """The cores of a VM family in a region."""

    subscription: str = "00000000-0000-0000-0000-000000000001"
    location: str
    family: str = Field(description="e.g. standardESv3Family")
    cores: int = Field(ge=0)


@router.put("/emulator/v1/quotas")
async def set_quota(azure: Azure, quota: Quota) -> dict[str, Any]:
    """What a support request does in Azure."""
    known = {family.lower(): family for family in sizes.families()}
    if quota.family.lower() not in known:
        raise BadRequest(f"There is no VM family '{quota.family}'. Families: {', '.join(known.values())}.")
    family = known[quota.family.lower()]
    azure.store.put("quotas", quota.subscription, quota.location, family, body={"cores": quota.cores})
    return {**quota.model_dump(), "family": family}
