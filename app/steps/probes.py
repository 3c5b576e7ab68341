"""Golden requests as probes: sent to the new deployment and to what serves by turns, where callers send too few requests."""

import time
from collections.abc import Sequence
from typing import Any

from app.analysis.canary import Probes
from app.analysis.counts import Counts, Pair
from app.analysis.minutes import is_failure
from app.azureml.errors import AnswerTooLarge, ConnectionLost, TimedOut
from app.azureml.facade import AzureML
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.planning.kinds import Analyse
from app.steps.contract import Context

_SECONDS = 120.0  # for all probes


def send_probes(
    azure: AzureML,
    context: Context,
    wanted: Analyse,
    requests: Sequence[Any],
    *,
    uri: str,
    baseline: str,
    number: int,
) -> Probes:
    """``number`` to each at most, until their time is over. A request that is never answered counts as failed."""
    sent, failed = {wanted.deployment: 0, baseline: 0}, {wanted.deployment: 0, baseline: 0}
    times: dict[str, list[float]] = {wanted.deployment: [], baseline: []}
    until = time.monotonic() + _SECONDS
    credential = ScoringCredential(azure, wanted.workspace, wanted.endpoint)
    with Scoring(azure, uri, secret=credential.value) as scoring:
        for turn in range(number):
            if time.monotonic() >= until:
                break
            # Who is asked first changes with each turn: what the first one warms up, the second one has for nothing.
            for name in [wanted.deployment, baseline] if turn % 2 else [baseline, wanted.deployment]:
                context.checkpoint()
                seconds = _ask(scoring, requests[turn % len(requests)], name)
                sent[name] += 1
                if seconds is None:
                    failed[name] += 1
                else:
                    times[name].append(seconds * 1000)
    new, old = (Counts(sent[name], failed[name]) for name in (wanted.deployment, baseline))
    return Probes(Pair(new, old), times[wanted.deployment], times[baseline])


def _ask(scoring: Scoring, request: Any, deployment: str) -> float | None:
    """The seconds that the answer took; None: it failed."""
    try:
        answer = scoring.ask(request, deployment=deployment)
    except (ConnectionLost, TimedOut, AnswerTooLarge):
        return None
    return None if is_failure(answer.status) else answer.seconds
