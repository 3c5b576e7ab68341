"""What serves, in words for people."""

from app.planning.kinds import AdoptTarget


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
