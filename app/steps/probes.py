"""Golden requests as probes: sent to the new deployment and to what serves by turns, where callers send too few requests."""

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from app.analysis.canary import Probes
from app.analysis.counts import Counts, Pair
from app.azureml.errors import AnswerTooLarge, TimedOut, Unavailable
from app.azureml.facade import AzureML
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.planning.kinds import Analyse
from app.steps.contract import Context
from app.steps.golden import shown

_SECONDS = 120.0  # for all probes
_NOT_LET_IN = frozenset({401, 403, 404})  # the endpoint's own answers, which no model gave


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
    """``number`` to each at most, until their time is over. A request that is never answered counts as failed.

    Raises AzureMLError where that says nothing of the deployments: no connection, or the endpoint does not let the service in.
    """
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
                seconds = _ask(scoring, requests[turn % len(requests)], name, credential)
                sent[name] += 1
                if seconds is None:
                    failed[name] += 1
                else:
                    times[name].append(seconds * 1000)
    new, old = (Counts(sent[name], failed[name]) for name in (wanted.deployment, baseline))
    return Probes(Pair(new, old), times[wanted.deployment], times[baseline])


def _ask(scoring: Scoring, request: Any, deployment: str, credential: ScoringCredential) -> float | None:
    """The seconds that the answer took; None: it failed."""
    try:
        answer = scoring.ask(request, deployment=deployment)
        if answer.status == HTTPStatus.UNAUTHORIZED:  # its keys were made anew meanwhile
            credential.forget()
            answer = scoring.ask(request, deployment=deployment)
    except (TimedOut, AnswerTooLarge):
        return None
    if answer.status in _NOT_LET_IN or answer.deployment not in {None, deployment}:
        raise Unavailable(
            f"The probe to {deployment} did not reach it: the endpoint answered with {answer.status}"
            f"{f' from {shown(answer.deployment)}' if answer.deployment not in {None, deployment} else ''}."
        )
    return answer.seconds if answer.status == HTTPStatus.OK else None
