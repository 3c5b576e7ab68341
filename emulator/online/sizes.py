"""VM sizes that managed online endpoints run on, and the cores that deployments take from a family's quota.

The table is Microsoft's "Managed online endpoints SKU list".
"""

from dataclasses import dataclass

from emulator.online.refusals import Invalid, NoQuota

# family: (sizes and their cores, whether the family is a GPU's, whether the 20% upgrade reserve is waived)
_FAMILIES: dict[str, tuple[dict[str, int], bool, bool]] = {
    "standardDASv4Family": ({f"STANDARD_D{n}AS_V4": n for n in (2, 4, 8, 16, 32, 48, 64, 96)}, False, False),
    "standardDAv4Family": ({f"STANDARD_D{n}A_V4": n for n in (2, 4, 8, 16, 32, 48, 64, 96)}, False, False),
    "standardDSv2Family": ({f"STANDARD_DS{n}_V2": 2 ** (n - 1) for n in (1, 2, 3, 4, 5)}, False, False),
    "standardESv3Family": ({f"STANDARD_E{n}S_V3": n for n in (2, 4, 8, 16, 32, 48, 64)}, False, False),
    "standardFSv2Family": ({f"STANDARD_F{n}S_V2": n for n in (2, 4, 8, 16, 32, 48, 64, 72)}, False, False),
    "standardFXMDVSFamily": ({f"STANDARD_FX{n}MDS": n for n in (4, 12, 24, 36, 48)}, False, False),
    "standardLASv3Family": ({f"STANDARD_L{n}AS_V3": n for n in (8, 16, 32, 48, 64, 80)}, False, False),
    "standardLSv2Family": ({f"STANDARD_L{n}S_V2": n for n in (8, 16, 32, 48, 64, 80)}, False, False),
    "standardLSv3Family": ({f"STANDARD_L{n}S_V3": n for n in (8, 16, 32, 48, 64, 80)}, False, False),
    "standardNCADSA100v4Family": ({f"STANDARD_NC{n}ADS_A100_V4": n for n in (24, 48, 96)}, True, True),
    "standard NCASv3_T4 Family": ({f"STANDARD_NC{n}AS_T4_V3": n for n in (4, 8, 16, 64)}, True, False),
    "standardNCSv2Family": ({f"STANDARD_NC{n}S_V2": n for n in (6, 12, 24)}, True, False),
    "standardNCSv3Family": ({f"STANDARD_NC{n}S_V3": n for n in (6, 12, 24)}, True, False),
    "standardNCADSH100v5Family": ({"STANDARD_NC40ADS_H100_V5": 40, "STANDARD_NC80ADIS_H100_V5": 80}, True, True),
    "standard NDAMSv4_A100Family": ({"STANDARD_ND96AMSR_A100_V4": 96}, True, True),
    "standard NDASv4_A100 Family": ({"STANDARD_ND96ASR_V4": 96}, True, True),
    "standardNDSv2Family": ({"STANDARD_ND40RS_V2": 40}, True, True),
    "standardNDv5H100Family": ({"STANDARD_ND96IS_H100_V5": 96, "STANDARD_ND96ISR_H100_V5": 96}, True, True),
    "standardNVADSA10v5Family": (
        {
            **{f"STANDARD_NV{n}ADS_A10_V5": n for n in (6, 12, 18, 36, 72)},
            "STANDARD_NV36ADMS_A10_V5": 36,
        },
        True,
        False,
    ),
}

# "Dedicated cores per region have a default limit of 24 to 300, depending on your subscription offer type … GPUs also
# default to zero cores." (Microsoft, "Manage and increase quotas".)
DEFAULT_CORES = 100


@dataclass(frozen=True)
class Size:
    """One VM size."""

    name: str
    family: str
    cores: int
    gpu: bool
    reserve_waived: bool


SIZES = {
    name: Size(name, family, cores, gpu, waived)
    for family, (sizes, gpu, waived) in _FAMILIES.items()
    for name, cores in sizes.items()
}


def size(name: str | None) -> Size:
    """The VM size of this name, in any case; Azure's refusal for one that endpoints cannot run on."""
    found = SIZES.get((name or "").upper())
    if found is None:
        raise Invalid(
            f"Specified VmSize '{name}' is not supported for managed online endpoints. "
            "See https://aka.ms/managed-online-endpoint-vm-sku-list for the supported sizes.",
            field="VmSize",
        )
    return found


def default_quota(family: str) -> int:
    """The cores of a family that a subscription has in a region before anybody asks for more."""
    gpu = _FAMILIES[family][1]
    return 0 if gpu else DEFAULT_CORES


def families() -> list[str]:
    return list(_FAMILIES)


def cores_needed(instance_type: str, *, instances: int) -> int:
    """What a deployment takes from the quota: 20% more instances than it runs, for upgrades, unless the size is exempt."""
    asked = size(instance_type)
    counted = instances if asked.reserve_waived else -(-instances * 6 // 5)  # ceil(1.2 × instances), in whole numbers
    return counted * asked.cores


def check_quota(instance_type: str, *, instances: int, used: int, limit: int, subscription: str) -> None:
    """Raise Azure's quota refusal when ``used`` cores of ``limit`` leave too few for this deployment."""
    needed = cores_needed(instance_type, instances=instances)
    if used + needed > limit:
        raise NoQuota(
            f"Not enough quota available for {instance_type} in SubscriptionId {subscription}. "
            f"Current usage/limit: {used}/{limit}. Additional needed: {needed}"
        )
