"""What the analysis of a stage's traffic needs, and what it can find with the traffic that the endpoint has had.

Told before anybody is asked: at little traffic a good release cannot be proven to be good, and a bad one is not found.
"""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.analysis.canary import alpha_of, rate_rule
from app.analysis.minutes import is_failure
from app.analysis.outlook import Outlook, can_pass, look_ahead
from app.analysis.power import Traffic
from app.azureml.errors import NotPermitted
from app.azureml.metrics import read_requests
from app.planning.analysis import AnalysisRules
from app.preflight.checks import missing_rights, not_permitted
from app.preflight.looking import Said, StageLook, Watched

METRICS, ANALYSIS = "metrics", "analysis"  # names of checks

_RIGHTS = ("Microsoft.Insights/metrics/read",)
_ROLE = "Monitoring Reader"
_DAYS = 7
_LONGER_MINUTES = (30, 60, 90, 120, 180, 240, 360, 480, 720, 1440)  # of bakes that are proposed


@dataclass(frozen=True)
class Usual:
    """An endpoint's traffic, as it usually is. ``bad``: the share of its requests that failed, from 0 to 1."""

    per_minute: float
    bad: float

    def __str__(self) -> str:
        if not self.per_minute:
            return "no requests"
        number, unit = (self.per_minute, "minute") if self.per_minute >= 1 else (self.per_minute * 60, "hour")
        return f"{number:.0f} request{'' if round(number) == 1 else 's'} a{'n' if unit == 'hour' else ''} {unit}"


def metrics(look: StageLook, *, now: datetime) -> Said:
    """The service may read what the analysis compares. Where nothing serves yet there is nothing to compare with: there it can wait."""
    if _may_read(look, now=now):
        return Said("The service may read the metrics that the analysis compares.")
    refusal = not_permitted([*_RIGHTS], f"endpoint {look.stage.endpoint}", role=_ROLE)
    if look.serves:
        raise refusal
    said = f"{refusal.sentence} This release needs it not yet: nothing serves there. The next one does."
    return Said(said, warning=refusal.code, hint=refusal.hint)


def analysis(look: StageLook, rules: AnalysisRules, *, now: datetime) -> Said:
    """What it can find. Raises AzureMLError where Azure does not tell."""
    if not look.serves:
        return Said(
            "Nothing serves there yet, so there is nothing to compare with: all of the traffic goes to this release."
        )
    usual = _usual(look, now=now)
    rows, undecided = [], []
    for share in look.stage.watched:
        minutes = max(share.seconds / 60 - rules.warm_up_minutes, 0.0)
        ahead = look_ahead(rate_rule(rules), _traffic(usual, share, minutes), usual=usual.bad, alpha=alpha_of(rules))
        rows.append(_row(share, usual, minutes, ahead))
        if not ahead.can_pass:
            undecided.append(share)
    week = f"In the median hour of the last {_DAYS} days endpoint {look.stage.endpoint} had {usual}"
    if not undecided:
        return Said(f"{week}: enough to prove a good release to be good.", rows=tuple(rows))
    then = (
        "golden requests are sent to both by turns, and a person is asked where they do not decide"
        if rules.no_data == "probe"
        else "a person is asked"
    )
    shares = " and ".join(f"{each.percent}%" for each in undecided)
    said = f"{week}: at {shares} that is too little to prove a good release to be good, so {then}."
    hint = f"Watch larger shares, or for longer. {_proposal(rules, usual, undecided[0])}"
    return Said(said, warning="little_traffic", hint=hint, rows=tuple(rows))


def _may_read(look: StageLook, *, now: datetime) -> bool:
    """Where there is an endpoint, it is tried: what is listed of rights not everybody may read."""
    if look.endpoint_there is None:
        return not missing_rights(look.azure, look.workspace.arm_id, _RIGHTS)
    try:
        read_requests(look.azure, look.workspace, look.stage.endpoint, since=now - timedelta(minutes=2), until=now)
    except NotPermitted:
        return False
    return True


def _usual(look: StageLook, *, now: datetime) -> Usual:
    """Of the median hour: what nights and one busy day had counts as often as it comes."""
    end = now.replace(minute=0, second=0, microsecond=0)
    hours: Counter[datetime] = Counter()
    bad = 0
    for since, until in _days(end):  # all of a week at once would be more than is read
        for each in read_requests(look.azure, look.workspace, look.stage.endpoint, since=since, until=until):
            hours[each.begins_at.replace(minute=0)] += each.requests
            bad += each.requests if is_failure(each.status) else 0
    first = min(hours, default=end - timedelta(hours=1))  # before, it may not have been there
    ends = (end - timedelta(hours=ago) for ago in range(1, 24 * _DAYS + 1))
    by_hour = [hours[each] for each in ends if each >= first]
    return Usual(statistics.median(by_hour) / 60, bad / max(hours.total(), 1))


def _days(end: datetime) -> Iterator[tuple[datetime, datetime]]:
    for ago in range(_DAYS, 0, -1):
        yield end - timedelta(days=ago), end - timedelta(days=ago - 1)


def _traffic(usual: Usual, share: Watched, minutes: float) -> Traffic:
    """What is mirrored is taken from nobody."""
    requests = usual.per_minute * minutes
    if share.mirrored:
        return Traffic(round(requests * share.percent / 100), round(requests))
    return Traffic.of(per_minute=usual.per_minute, weight=share.percent, minutes=minutes)


def _row(share: Watched, usual: Usual, minutes: float, ahead: Outlook) -> str:
    kind = "copies of " if share.mirrored else ""
    if not usual.per_minute:
        return f"{kind}{share.percent}% of {usual}: finds nothing"
    length = f"{minutes:g} minute{'' if minutes == 1 else 's'}"
    at = f"{kind}{share.percent}% of {usual} for {length}, some {ahead.traffic.canary:,}"
    if ahead.found is None:
        finds = "finds no error rate for certain"
    elif ahead.missed is None or ahead.missed >= ahead.found:
        finds = f"finds an error rate of {_percent(ahead.found)}"
    else:
        finds = f"finds an error rate of {_percent(ahead.found)}, not one of {_percent(ahead.missed)}"
    return f"{at}: {finds}" + ("" if ahead.can_pass else "; too few to prove a good release to be good")


def _proposal(rules: AnalysisRules, usual: Usual, share: Watched) -> str:
    """How long it would take."""
    for minutes in _LONGER_MINUTES:
        if minutes * 60 > share.seconds and can_pass(
            rate_rule(rules), _traffic(usual, share, minutes), usual=usual.bad
        ):
            return f"At {share.percent}% it takes {minutes} minutes, and the {rules.warm_up_minutes} that do not count."
    return f"At {share.percent}% not even a day is enough."


def _percent(rate: float) -> str:
    return f"{rate * 100:g}%"
