"""The strategy canary: some of the traffic, then more, as long as an analysis says that nothing is worse. Pure."""

from app.definitions.traffic import CanaryTraffic
from app.planning.kinds import FindBaseline
from app.strategies.moving import Moving, Share, Verified, find_baseline, restore, rising, shares_of


def canary(verified: Verified, wanted: CanaryTraffic) -> Moving:
    """Each share is analysed before the next; a failure on the way gives what served before its traffic again."""
    shares = [Share(each.weight, each.bake) for each in wanted.steps]
    steps = (find_baseline(verified), *rising(verified, shares, rules=wanted.analysis, after=FindBaseline.kind))
    return Moving(
        steps=steps,
        shares=shares_of(verified, shares, after=verified.after),
        back=(restore(verified, steps),),
        analysis=wanted.analysis,
    )
