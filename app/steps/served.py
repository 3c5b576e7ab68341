"""The history of serving deployments, newest first: a tag of the endpoint, written together with the traffic."""

from collections.abc import Mapping

from app.azureml.types import Endpoint
from app.planning.tags import SERVED_TAG

_KEPT = 7  # names; a tag's value ends at 256 characters


def served_after(endpoint: Endpoint, deployment: str, baseline: Mapping[str, int]) -> str:
    """The tag's value once this deployment has the traffic.

    It names the deployment too: when somebody sets all traffic to 0 by hand, the tag still says what served last. ``baseline``: the shares
    before this rollout moved any, where it knows them: the last of its own may have left nothing to a small one.
    """
    shares = baseline or endpoint.live_traffic
    serving = sorted(shares, key=lambda name: -shares[name])
    return " ".join([*dict.fromkeys([deployment, *serving, *_served(endpoint)])][:_KEPT])


def served_before(endpoint: Endpoint, deployment: str) -> list[str]:
    """Deployments that served before this one, the last first. They need not be there any more."""
    return [name for name in _served(endpoint) if name != deployment]


def served_without(endpoint: Endpoint, deployment: str) -> str:
    """The tag's value once this deployment is taken back: it is none that may be gone back to."""
    return " ".join(served_before(endpoint, deployment))


def _served(endpoint: Endpoint) -> list[str]:
    return endpoint.tags.get(SERVED_TAG, "").split()
