"""How a deployment gets its traffic, in words: what people approve, whatever face asks them."""

from collections.abc import Sequence

from app.planning.analysis import AnalysisRules
from app.planning.plan import PlannedTraffic


def say_traffic(shares: Sequence[PlannedTraffic], rules: AnalysisRules | None) -> list[str]:
    """One line for each share, and one for the rules by which it is compared with what serves."""
    if not shares:
        return []
    return [*(_share(each, is_only=len(shares) == 1) for each in shares), *([] if rules is None else [_rules(rules)])]


def _share(share: PlannedTraffic, *, is_only: bool) -> str:
    if share.bake is None:
        return f"all of the traffic to {share.deployment}{' at once' if is_only else ' at last'}"
    what = f"copies of {share.percent}% of the requests" if share.mirrored else f"{share.percent}% of the traffic"
    return f"{what} to {share.deployment} for {share.bake}{f' ({share.finds})' if share.finds else ''}"


def _rules(rules: AnalysisRules) -> str:
    errors, latency = rules.errors, rules.latency
    said = [
        f"at most {errors.ratio:g} times the failures of what serves and {errors.margin:g} points more",
        *([] if errors.highest is None else [f"never more than {errors.highest:g}%"]),
        *([] if latency is None else [f"{latency.percentile} at most {latency.ratio:g} times its latency"]),
    ]
    then = "golden requests are sent, then a person is asked" if rules.no_data == "probe" else "a person is asked"
    return f"compared after each: {', '.join(said)}; where that is not certain, {then}"
