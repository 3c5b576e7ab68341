"""The sizes of machine that managed online endpoints run on: fewer than a workspace's compute clusters may have.

Source: Microsoft, "Managed online endpoints SKU list" (https://aka.ms/managed-online-endpoint-vm-sku-list). No API tells it, and
Microsoft adds to it: what is not in it is doubtful, not wrong.
"""

_BY_CORES = {
    "STANDARD_D{}AS_V4": (2, 4, 8, 16, 32, 48, 64, 96),
    "STANDARD_D{}A_V4": (2, 4, 8, 16, 32, 48, 64, 96),
    "STANDARD_DS{}_V2": (1, 2, 3, 4, 5),
    "STANDARD_E{}S_V3": (2, 4, 8, 16, 32, 48, 64),
    "STANDARD_F{}S_V2": (2, 4, 8, 16, 32, 48, 64, 72),
    "STANDARD_FX{}MDS": (4, 12, 24, 36, 48),
    "STANDARD_L{}AS_V3": (8, 16, 32, 48, 64, 80),
    "STANDARD_L{}S_V2": (8, 16, 32, 48, 64, 80),
    "STANDARD_L{}S_V3": (8, 16, 32, 48, 64, 80),
    "STANDARD_NC{}ADS_A100_V4": (24, 48, 96),
    "STANDARD_NC{}AS_T4_V3": (4, 8, 16, 64),
    "STANDARD_NC{}S_V2": (6, 12, 24),
    "STANDARD_NC{}S_V3": (6, 12, 24),
    "STANDARD_NV{}ADS_A10_V5": (6, 12, 18, 36, 72),
}
_ALONE = {
    "STANDARD_NC40ADS_H100_V5",
    "STANDARD_NC80ADIS_H100_V5",
    "STANDARD_ND40RS_V2",
    "STANDARD_ND96AMSR_A100_V4",
    "STANDARD_ND96ASR_V4",
    "STANDARD_ND96ISR_H100_V5",
    "STANDARD_ND96IS_H100_V5",
    "STANDARD_NV36ADMS_A10_V5",
}
_LISTED = {size.format(cores) for size, counts in _BY_CORES.items() for cores in counts} | _ALONE


def is_listed(instance_type: str) -> bool:
    """Whether Microsoft's list has this size, as far as this version knows it."""
    return instance_type.upper() in _LISTED
