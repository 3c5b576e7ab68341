"""What serves, in words for people."""

from collections.abc import Sequence

from app.planning.kinds import AdoptTarget
from app.serving.tables import TrafficShare


def say_serving(shares: Sequence[TrafficShare]) -> str:
    """E.g. ``churn-2``, ``blue, made by others``, or ``churn-1 (90%) and churn-2 (10%)``. Empty where nothing has live traffic."""
    live = [each for each in shares if each.weight]
    if [each.weight for each in live] == [100]:
        return say_deployment(live[0].deployment, live[0].release_id)
    return " and ".join(f"{say_deployment(each.deployment, each.release_id)} ({each.weight}%)" for each in live)


def say_deployment(deployment: str, release: str | None) -> str:
    """By the release that made it; what others made has its own name alone."""
    return release or f"{deployment}, made by others"


def say_found(adopts: AdoptTarget) -> list[str]:
    """What an adoption has on record afterwards, a sentence for each deployment, and in what that differs from what is on record now."""
    found = adopts.found
    deployments = [
        f"{say_deployment(each.name, each.release)}: {(found.traffic or {}).get(each.name, 0)}% of the traffic, model {each.model}, "
        f"{each.instance_count} × {each.instance_type}."
        for each in found.deployments
    ]
    return [*deployments, *(each.sentence for each in adopts.differences)]
