"""What served before a rollout moved any traffic, and how the traffic is shared with it. Pure."""

from collections.abc import Mapping
from typing import Any

from app.planning.observed import DeploymentFacts
from app.steps.contract import Context


def baseline_of(context: Context, found_by: str) -> dict[str, int]:
    """The shares in percent that ``find_baseline`` found, without the new deployment's; empty where nothing served."""
    found: Mapping[str, Any] = context.outputs[found_by]["traffic"]
    return {name: int(share) for name, share in found.items()}


def recorded_baseline(context: Context, found_by: str) -> dict[str, DeploymentFacts]:
    """The deployments of these shares, by their names in lower case, as they were then."""
    found = map(DeploymentFacts.of_output, context.outputs[found_by]["deployments"])
    return {each.name: each for each in found}


def shared_with(baseline: Mapping[str, int], deployment: str, percent: int) -> dict[str, int]:
    """All shares once the deployment has so many percent: the others keep their proportions, and the sum is 100.

    By largest remainders, from what was found at first: however often it is computed, the shares are the same. Without a baseline
    there is nothing to share with.
    """
    total = sum(baseline.values())
    if not total:
        return {deployment: 100}
    exact = {name: share * (100 - percent) / total for name, share in baseline.items()}
    shares = {name: int(share) for name, share in exact.items()}
    left = 100 - percent - sum(shares.values())
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    shares |= {name: shares[name] + 1 for name in by_remainder[:left]}
    return {name: share for name, share in {**shares, deployment: percent}.items() if share}
