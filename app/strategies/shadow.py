"""The strategy shadow: copies of requests first, whose answers nobody sees, then a canary's shares. Pure."""

from app.definitions.traffic import ShadowTraffic
from app.planning.kinds import Analyse, FindBaseline, MirrorTraffic
from app.planning.plan import PlannedTraffic
from app.strategies.moving import Moving, Share, Verified, analysed, find_baseline, restore, rising, shares_of

_MIRROR = "mirror"  # the key of its analysis, after the kind's


def shadow(verified: Verified, wanted: ShadowTraffic) -> Moving:
    """As a canary, once the mirrored requests were analysed."""
    mirror = MirrorTraffic(
        workspace=verified.place,
        endpoint=verified.endpoint,
        deployment=verified.deployment,
        percent=wanted.mirror.percent,
        baseline_from=FindBaseline.kind,
    )
    mirroring = analysed(
        verified,
        mirror,
        Share(wanted.mirror.percent, wanted.mirror.bake),
        rules=wanted.analysis,
        key=_MIRROR,
        needs=(),
        mirrored=True,
    )
    shares = [Share(each.weight, each.bake) for each in wanted.steps]
    steps = (
        find_baseline(verified),
        *mirroring,
        *rising(verified, shares, rules=wanted.analysis, after=mirroring[-1].key),
    )
    copies = PlannedTraffic(
        deployment=verified.deployment,
        percent=wanted.mirror.percent,
        after=verified.after,
        mirrored=True,
        bake=wanted.mirror.bake,
    )
    return Moving(
        steps=steps,
        shares=(copies, *shares_of(verified, shares, after=f"{Analyse.kind}:{_MIRROR}")),
        back=(restore(verified, steps),),
        analysis=wanted.analysis,
    )
