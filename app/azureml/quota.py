"""Whether a region has the cores that a deployment takes."""

from dataclasses import dataclass

from azure.ai.ml.entities import Usage, VmSize

from app.azureml.facade import AzureML
from app.azureml.sdk_values import word
from app.planning.places import Place

# For these Azure waives the 20% that it reserves for upgrades; Microsoft's "Managed online endpoints SKU list".
_WITHOUT_RESERVE = frozenset(
    {
        "standardncadsa100v4family",
        "standardncadsh100v5family",
        "standardndamsv4a100family",
        "standardndasv4a100family",
        "standardndsv2family",
        "standardndv5h100family",
    }
)


@dataclass(frozen=True)
class Cores:
    """Of one VM family in one region: what a deployment needs, what is used, what there is."""

    family: str
    needed: int
    used: int
    limit: int

    @property
    def are_enough(self) -> bool:
        return self.used + self.needed <= self.limit


def cores_needed(family: str, *, cores: int, instances: int) -> int:
    """``ceil(1.2 × instances) × cores``, or without the fifth where it is waived; in whole numbers."""
    counted = instances if _plain(family) in _WITHOUT_RESERVE else -(-instances * 6 // 5)
    return counted * cores


def cores_for(azure: AzureML, workspace: Place, *, region: str, instance_type: str, instances: int) -> Cores | None:
    """None where Azure lists no such size, or nothing of its family: then nobody knows before it is tried."""
    with azure.connect(workspace, doing=f"read the quota of {region}") as client:
        sizes = {str(size.name).lower(): size for size in client.compute.list_sizes(location=region)}
        size = sizes.get(instance_type.lower())
        cores = None if size is None else _number(size, "vCPUs", "v_cp_us")
        if size is None or not size.family or not cores:
            return None
        family = str(size.family)
        usage = next((each for each in client.compute.list_usage(location=region) if _is_of(each, family)), None)
    used = None if usage is None else _number(usage, "currentValue", "current_value")
    if usage is None or usage.limit is None or used is None:
        return None
    return Cores(
        family=family,
        needed=cores_needed(family, cores=cores, instances=instances),
        used=used,
        limit=int(usage.limit),
    )


def _number(told: Usage | VmSize, *names: str) -> int | None:
    """Under whichever of its names it is: the SDK's classes take over Azure's fields, and leave their own empty."""
    found = [value for name in names if (value := vars(told).get(name)) is not None]
    return int(found[0]) if found else None


def _is_of(usage: Usage, family: str) -> bool:
    """Azure writes ``standardDSv2Family`` for the size, and ``Standard DSv2 Family Cluster Dedicated vCPUs`` for its usage."""
    name = usage.name
    said = word(name.get("value") if isinstance(name, dict) else getattr(name, "value", name))
    # A workspace's own share of the quota is listed beside the subscription's.
    is_of_workspace = "/workspaces/" in str(usage.id or "").lower()
    return not is_of_workspace and _plain(said) in {_plain(family), f"{_plain(family)}clusterdedicatedvcpus"}


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
