"""Prove the new deployment by name, before any caller's request reaches it."""

import statistics
from typing import Any

from app.azureml.deployments import get_deployment
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import Unavailable
from app.azureml.facade import AzureML
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.azureml.types import Answer
from app.evidence.service import ANSWER, Log
from app.steps.config import DIGEST_TAG, StepConfig, WorkspaceConfig, read_config
from app.steps.contract import Context, Done, Json, Refused
from app.steps.digests import require_digest
from app.steps.golden import Golden, holds, read_golden, shown

# Answers that say nothing of the model: keys that were changed since they were read, overload, a gateway that does not know the
# deployment yet, or its restart.
_TRY_AGAIN = frozenset({401, 404, 408, 429, 500, 502, 503, 504})


class VerifyDeployment(StepConfig):
    """``golden``: a file in the bundle, or the requests themselves; None: nothing is asked."""

    workspace: WorkspaceConfig
    endpoint: str
    deployment: str
    golden: str | list[Any] | None = None
    digest: str


def verify_deployment(azure: AzureML, context: Context, config: Json) -> Done:
    """Send every golden request to the deployment by name. Raises Refused at the first wrong answer."""
    wanted = read_config(VerifyDeployment, config)
    requests = read_golden(context.bundle, wanted.golden)
    uri = _reach(azure, wanted)
    credential = ScoringCredential(azure, wanted.workspace.ref, wanted.endpoint)
    times = []
    with Scoring(azure, uri, secret=credential.value) as scoring:
        for number, golden in enumerate(requests, start=1):
            context.checkpoint()
            answer = scoring.ask(golden.request, deployment=wanted.deployment)
            _require_right(answer, golden, number=number, of=len(requests), deployment=wanted.deployment)
            times.append(answer.seconds * 1000)
    return Done(
        f"{wanted.deployment} answered {len(requests)} golden requests rightly."
        if requests
        else f"{wanted.deployment} is up; the definition has no golden requests.",
        output={
            "requests": len(requests),
            "passed": len(requests),
            "median_ms": round(statistics.median(times), 2) if times else None,
            "max_ms": round(max(times), 2) if times else None,
        },
        changed=False,
    )


def _reach(azure: AzureML, wanted: VerifyDeployment) -> str:
    """The scoring URI. Raises Refused when the deployment is not there, or of another content."""
    workspace = wanted.workspace.ref
    endpoint = get_endpoint(azure, workspace, wanted.endpoint)
    deployment = get_deployment(azure, workspace, wanted.endpoint, wanted.deployment)
    if endpoint is None or not endpoint.scoring_uri or deployment is None or deployment.state != "succeeded":
        raise Refused(
            f"{wanted.endpoint} has no working deployment {wanted.deployment}.",
            code="deployment_not_ready",
            hint="Somebody removed or changed it after it was made.",
        )
    require_digest(deployment.tags.get(DIGEST_TAG, "unknown"), wanted.digest, where=f"deployment {wanted.deployment}")
    return endpoint.scoring_uri


def _require_right(answer: Answer, golden: Golden, *, number: int, of: int, deployment: str) -> None:
    if answer.status in _TRY_AGAIN:
        sentence = f"{deployment} answered golden request {number} of {of} with {answer.status}."
        raise Unavailable(sentence, retry_after=answer.retry_after)
    if answer.status == 200 and answer.deployment not in {None, deployment}:
        raise Refused(f"The answer came from {answer.deployment}, not from {deployment}.", code="golden_mismatch")
    if answer.status != 200 or not holds(golden.expect, answer.body):
        got = shown(answer.body) if answer.status == 200 else str(answer.status)
        raise Refused(
            f"{deployment} answers golden request {number} of {of} wrongly: expected {shown(golden.expect)}, got {got}.",
            code="golden_mismatch",
            hint="The model, its score code or the golden request is wrong. The traffic was not touched.",
            number=number,
            request=shown(golden.request),
            expected=shown(golden.expect),
            got=got,
            log=None if answer.status == 200 else Log(ANSWER, f"{answer.status}\n{answer.body}"),
        )
