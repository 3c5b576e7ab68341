"""Tags of endpoints and deployments, held to the limits of Azure Resource Manager before it refuses them.

Source: Microsoft, "Use tags to organize your Azure resources and management hierarchy", limitations.
"""

from typing import Annotated

from pydantic import AfterValidator

OURS = "mlrelease."
MOST = 40  # of the 50 that Azure takes: a release adds its own
LONGEST_NAME = 512  # characters
LONGEST_VALUE = 256
FORBIDDEN = frozenset("<>%&\\?/")


def _check_name(name: str) -> str:
    if name.lower().startswith(OURS):
        raise ValueError(f"is set by the release, like every tag that starts with `{OURS}`: leave it out")
    if not name.strip():
        raise ValueError("a tag must have a name")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"Azure accepts names of at most {LONGEST_NAME} characters for tags; this has {len(name)}")
    if any(letter in FORBIDDEN or not letter.isprintable() for letter in name):
        raise ValueError(
            f"Azure accepts no tag whose name has one of {' '.join(sorted(FORBIDDEN))} or a control character"
        )
    return name


def _check_value(value: str) -> str:
    if len(value) > LONGEST_VALUE:
        raise ValueError(f"Azure accepts values of at most {LONGEST_VALUE} characters for tags; this has {len(value)}")
    return value


def _check_all(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST:
        raise ValueError(
            f"has {len(tags)} tags; at most {MOST} are possible: Azure accepts 50, and a release adds its own"
        )
    known: dict[str, str] = {}
    for name in tags:
        if known.setdefault(name.lower(), name) != name:
            raise ValueError(f"`{known[name.lower()]}` and `{name}` are the same tag in Azure, which ignores case")
    return tags


Tags = Annotated[
    dict[Annotated[str, AfterValidator(_check_name)], Annotated[str, AfterValidator(_check_value)]],
    AfterValidator(_check_all),
]
