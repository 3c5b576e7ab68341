"""ISO 8601 durations as ARM uses them: ``PT5S``, ``PT1M30S``, ``PT0.5S``."""

import re

from emulator.online.refusals import Invalid

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def seconds(text: str, *, field: str) -> float:
    """The seconds that a duration stands for; Azure's refusal when it is none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text not in ("P", "PT") else None
    if match is None:
        raise Invalid(f"'{text}' is not a valid ISO 8601 duration.", field=field)
    parts = {unit: float(amount or 0) for unit, amount in match.groupdict().items()}
    return parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]
