"""What serves, as commands print it."""

from collections.abc import Sequence

from app.documents.json_object import Json


def deployment_text(share: Json) -> str:
    """By the release that made it; what others made has its own name alone."""
    return share["release"] or f"{share['deployment']}, made by others"


def share_text(share: Json) -> str:
    """E.g. ``90%``, or ``0%, mirror 10%``."""
    return f"{share['weight']}%" + (f", mirror {share['mirror']}%" if share["mirror"] else "")


def serving_text(shares: Sequence[Json]) -> str:
    """What has live traffic, e.g. ``churn-1 (90%) and churn-2 (10%)``."""
    live = [each for each in shares if each["weight"]]
    if [each["weight"] for each in live] == [100]:
        return deployment_text(live[0])
    return " and ".join(f"{deployment_text(each)} ({each['weight']}%)" for each in live) or "nothing on record"
