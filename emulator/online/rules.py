"""What Azure refuses of endpoints and deployments, as pure functions over plain values.

Sources: Microsoft's "Manage and increase quotas" (names, limits), "Safe rollout for online endpoints" (traffic), the REST
schemas (ranges), and the messages that users report.
"""

import re
from collections.abc import Mapping
from typing import Any

from emulator.online import durations
from emulator.online.refusals import Invalid

MAX_ENDPOINTS = 100  # a subscription, a region
MAX_DEPLOYMENTS = 500  # a subscription, a region
MAX_DEPLOYMENTS_OF_ENDPOINT = 20
MAX_INSTANCES = 50
MAX_REQUEST_SECONDS = 180
MAX_MIRROR = 50
AUTH_MODES = ("Key", "AMLToken", "AADToken")

_NAME = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")


def check_name(name: str, *, what: str) -> None:
    """``what``: endpoint or deployment."""
    if not 3 <= len(name) <= 32 or not _NAME.fullmatch(name):
        raise Invalid(
            f"The {what} name '{name}' is invalid. It must be 3 to 32 characters long, begin with a letter, consist of "
            "letters, digits and dashes, and end with a letter or a digit.",
            field="name",
        )


def auth_mode(value: Any) -> str:
    """The auth mode as Azure spells it."""
    for known in AUTH_MODES:
        if str(value or "Key").lower() == known.lower():
            return known
    raise Invalid(f"The auth mode '{value}' is not one of {', '.join(AUTH_MODES)}.", field="authMode")


def weights(value: Any, *, field: str) -> dict[str, int]:
    """A traffic map as sent: names in any case to whole percents. Zeroes are kept, null is an empty map."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(f"{field} must be an object of deployment names and percentages.", field=field)
    for name, percent in value.items():
        if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
            raise Invalid(f"The percentage of '{name}' must be a whole number from 0 to 100.", field=field)
    return dict(value)


def positive(traffic: Mapping[str, int]) -> dict[str, int]:
    """The names that get any, lower-cased: as names are compared."""
    return {name.lower(): percent for name, percent in traffic.items() if percent > 0}


def check_traffic(
    traffic: Mapping[str, int], mirror: Mapping[str, int], *, deployments: Mapping[str, bool], before: Mapping[str, int]
) -> None:
    """Whether an endpoint may route so.

    ``deployments``: the endpoint's deployments and whether each can take requests. ``before``: the live traffic until now;
    a deployment that cannot take requests may keep or lose what it has, but gets no more.
    """
    live, mirrored = positive(traffic), positive(mirror)
    able = {name.lower(): can for name, can in deployments.items()}
    known = set(able)
    for name in [*traffic, *mirror]:
        if name.lower() not in known:
            raise Invalid(
                f"The deployment '{name}' in the traffic rules does not exist in this endpoint. "
                "Create it before it gets traffic.",
                field="traffic",
            )
    if sum(live.values()) not in (0, 100):
        raise Invalid(
            f"Traffic percentages must add up to 0 or 100, but they add up to {sum(live.values())}.", field="traffic"
        )
    _check_mirror(live, mirrored)
    had = positive(before)
    for name, percent in [*live.items(), *mirrored.items()]:
        if not able[name] and percent > had.get(name, 0):
            raise Invalid(
                f"The deployment '{name}' cannot take traffic: it has not been provisioned successfully.",
                field="traffic",
            )


def _check_mirror(live: Mapping[str, int], mirrored: Mapping[str, int]) -> None:
    if len(mirrored) > 1:
        raise Invalid("Mirror traffic can be set for one deployment only.", field="mirrorTraffic")
    for name, percent in mirrored.items():
        if percent > MAX_MIRROR:
            raise Invalid(
                f"Mirror traffic can be {MAX_MIRROR} percent at most, but {percent} is asked.", field="mirrorTraffic"
            )
        if name in live:
            raise Invalid(
                f"The deployment '{name}' can take live traffic or mirror traffic, not both.", field="mirrorTraffic"
            )


def check_no_traffic_at_creation(traffic: Mapping[str, int], mirror: Mapping[str, int]) -> None:
    if traffic or mirror:
        raise Invalid(
            "Traffic cannot be set when an endpoint is created: it has no deployments yet. Create the endpoint, then its "
            "deployments, then set the traffic.",
            field="traffic",
        )


def check_instances(count: Any) -> int:
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_INSTANCES:
        raise Invalid(
            f"The instance count must be a whole number from 1 to {MAX_INSTANCES}, but it is {count!r}.",
            field="capacity",
        )
    return count


def request_settings(sent: Mapping[str, Any] | None) -> dict[str, Any]:
    """The request settings in force: what was sent over Azure's defaults."""
    given = {key: value for key, value in (sent or {}).items() if value is not None}
    settings = {
        "maxQueueWait": "PT0S",
        "requestTimeout": "PT5S",
        "maxConcurrentRequestsPerInstance": 1,
        **given,
    }
    timeout = durations.seconds(settings["requestTimeout"], field="requestTimeout")
    if not 0 < timeout <= MAX_REQUEST_SECONDS:
        raise Invalid(
            f"The request timeout must be more than 0 and at most {MAX_REQUEST_SECONDS} seconds, but it is {timeout:g}.",
            field="requestTimeout",
        )
    durations.seconds(settings["maxQueueWait"], field="maxQueueWait")
    concurrent = settings["maxConcurrentRequestsPerInstance"]
    if not isinstance(concurrent, int) or concurrent < 1:
        raise Invalid(
            "maxConcurrentRequestsPerInstance must be a whole number of at least 1.",
            field="maxConcurrentRequestsPerInstance",
        )
    return settings


def probe(sent: Mapping[str, Any] | None, *, field: str) -> dict[str, Any]:
    """The probe settings in force: what was sent over Azure's defaults."""
    given = {key: value for key, value in (sent or {}).items() if value is not None}
    settings = {
        "failureThreshold": 30,
        "successThreshold": 1,
        "timeout": "PT2S",
        "period": "PT10S",
        "initialDelay": "PT10S",
        **given,
    }
    for name, least in (("initialDelay", 1), ("period", 1), ("timeout", 1)):
        if durations.seconds(settings[name], field=f"{field}.{name}") < least:
            raise Invalid(f"{field}.{name} must be at least {least} second.", field=field)
    for name in ("failureThreshold", "successThreshold"):
        if not isinstance(settings[name], int) or settings[name] < 1:
            raise Invalid(f"{field}.{name} must be a whole number of at least 1.", field=field)
    if field == "livenessProbe" and settings["successThreshold"] != 1:
        raise Invalid("The success threshold of a liveness probe is fixed as 1.", field=field)
    return settings


def concurrency(settings: Mapping[str, Any], *, instances: int) -> int:
    """The requests in parallel beyond which Azure answers 429."""
    return 2 * int(settings["maxConcurrentRequestsPerInstance"]) * instances
