"""What a traffic strategy says: by which steps a deployment that was verified gets its traffic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.planning.analysis import AnalysisRules
from app.planning.kinds import Analyse, FindBaseline, RestoreTraffic, ShiftTraffic, StepConfig
from app.planning.places import Place
from app.planning.plan import PlannedTraffic
from app.planning.policy import Duration, length_of
from app.planning.steps import On, PlannedStep

# Beside its bake, and what people may take to answer: waiting longer, metrics that are late, probes.
_BAKES, _SPARE = 4, timedelta(hours=1)


@dataclass(frozen=True)
class Verified:
    """What is to get the traffic, and after which step. ``made_by``: the step that made it; ``golden``: what it was asked."""

    place: Place
    endpoint: str
    deployment: str
    after: str
    made_by: str
    golden: str | None


@dataclass(frozen=True)
class Moving:
    """``steps``: the way forward, the last one moves all of the traffic. ``back``: for the case that something fails before that."""

    steps: tuple[PlannedStep, ...]
    shares: tuple[PlannedTraffic, ...]
    back: tuple[PlannedStep, ...] = ()
    analysis: AnalysisRules | None = None

    def shares_that_find(self, finds: Sequence[str]) -> tuple[PlannedTraffic, ...]:
        """Each share that is watched with what that can find, as far as that is known."""
        said = iter(finds)
        return tuple(
            each if each.bake is None else each.model_copy(update={"finds": next(said, None)}) for each in self.shares
        )


@dataclass(frozen=True)
class Share:
    """The next share of the traffic, and for how long it is watched."""

    percent: int
    bake: Duration


def find_baseline(verified: Verified) -> PlannedStep:
    """What serves until then."""
    found = FindBaseline(workspace=verified.place, endpoint=verified.endpoint, deployment=verified.deployment)
    return PlannedStep.of(found, needs=(verified.after,))


def analysed(
    verified: Verified,
    change: StepConfig,
    share: Share,
    *,
    rules: AnalysisRules,
    key: str,
    needs: tuple[str, ...],
    earlier: Sequence[str] = (),
    mirrored: bool = False,
) -> list[PlannedStep]:
    """A change of the traffic, and the analysis after it."""
    first = dict.fromkeys((*needs, FindBaseline.kind, verified.made_by))
    shift = PlannedStep.of(change, key=f"{change.kind}:{share.percent}", needs=tuple(first))
    bake = length_of(share.bake)
    analysis = Analyse(
        workspace=verified.place,
        endpoint=verified.endpoint,
        deployment=verified.deployment,
        share=share.percent,
        mirrored=mirrored,
        baseline_from=FindBaseline.kind,
        earlier=tuple(earlier),
        bake_seconds=bake.total_seconds(),
        rules=rules,
        golden=verified.golden,
    )
    seconds = (_BAKES * bake + length_of(rules.answer_within) + _SPARE).total_seconds()
    after = (shift.key, FindBaseline.kind, verified.made_by, *earlier)
    return [shift, PlannedStep.of(analysis, key=f"{Analyse.kind}:{key}", needs=after, timeout_seconds=seconds)]


def rising(verified: Verified, shares: Sequence[Share], *, rules: AnalysisRules, after: str) -> Iterator[PlannedStep]:
    """A canary's shares, each analysed, and all of the traffic at last."""
    earlier: list[str] = []
    previous = 0
    for share in shares:
        steps = analysed(
            verified,
            _shift(verified, share.percent, previous=previous),
            share,
            rules=rules,
            key=str(share.percent),
            needs=(after,),
            earlier=earlier,
        )
        yield from steps
        after, previous = steps[-1].key, share.percent
        earlier.append(after)
    last = _shift(verified, 100, previous=previous)
    yield PlannedStep.of(last, key=f"{last.kind}:100", needs=(after, FindBaseline.kind, verified.made_by))


def shares_of(verified: Verified, shares: Sequence[Share], *, after: str) -> tuple[PlannedTraffic, ...]:
    """As people approve them."""
    found = []
    for share in shares:
        found.append(
            PlannedTraffic(deployment=verified.deployment, percent=share.percent, after=after, bake=share.bake)
        )
        after = f"{Analyse.kind}:{share.percent}"
    return (*found, PlannedTraffic(deployment=verified.deployment, percent=100, after=after))


def restore(verified: Verified, steps: Sequence[PlannedStep]) -> PlannedStep:
    """The way back, from whatever of these was done; once the last of them is done there is none."""
    back = RestoreTraffic(
        workspace=verified.place,
        endpoint=verified.endpoint,
        deployment=verified.deployment,
        baseline_from=FindBaseline.kind,
    )
    changes = tuple(each.key for each in steps if not isinstance(each.config, Analyse))
    moves = tuple(key for key in changes if key != FindBaseline.kind)
    return PlannedStep.of(back, needs=changes, on=On.FAILURE, undoes=moves, until=steps[-1].key)


def _shift(verified: Verified, percent: int, *, previous: int) -> ShiftTraffic:
    return ShiftTraffic(
        workspace=verified.place,
        endpoint=verified.endpoint,
        deployment=verified.deployment,
        percent=percent,
        previous=previous,
        baseline_from=FindBaseline.kind,
    )
