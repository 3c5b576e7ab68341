"""Reading an endpoint's traffic: whether a deployment serves, and which others do."""

from collections.abc import Mapping

from app.azureml.types import Endpoint
from app.steps.contract import Refused
from app.steps.observing import traffic_in_force


def serves_alone(endpoint: Endpoint, deployment: str) -> bool:
    """Whether it has all of the live traffic."""
    return endpoint.live_traffic == {deployment: 100}


def has_traffic(endpoint: Endpoint, name: str) -> bool:
    """Live or mirrored."""
    return bool(endpoint.traffic.get(name.lower()) or endpoint.mirror_traffic.get(name.lower()))


def require_serving_alone(endpoint: Endpoint, deployment: str) -> None:
    """Raise Refused unless it has all of the live traffic, and that is in force."""
    if endpoint.state == "succeeded" and serves_alone(endpoint, deployment):
        return
    state = "" if endpoint.state == "succeeded" else f" The endpoint's last change is {endpoint.state}."
    raise Refused(
        f"{deployment} has {endpoint.live_traffic.get(deployment, 0)}% of the traffic of {endpoint.name}, not 100%: "
        f"{shown_shares(endpoint)}.{state} Somebody changed it after this release had set it.",
        code="traffic_changed",
        hint="Nothing was changed back or deleted. If the change was a mistake, set the traffic and retry this release, or "
        "request a new one.",
        traffic=dict(endpoint.traffic),
        mirror_traffic=dict(endpoint.mirror_traffic),
        observed=traffic_in_force(endpoint),
    )


def shown_shares(endpoint: Endpoint) -> str:
    """E.g. ``blue has 90%, green has 10%``."""
    shares = endpoint.live_traffic
    return ", ".join(f"{name} has {shares[name]}%" for name in sorted(shares)) or "no deployment has any"


def moved_by_others(endpoint: Endpoint, said: str, *, expected: Mapping[str, int]) -> Refused:
    """The refusal where the live shares are not those that a release relies on. ``said``: the sentence that says what they are."""
    return Refused(
        said,
        code="traffic_changed",
        hint="Somebody else moved it. Find out why, and request a new release.",
        traffic=dict(endpoint.traffic),
        expected=dict(expected),
        observed=traffic_in_force(endpoint),
    )
