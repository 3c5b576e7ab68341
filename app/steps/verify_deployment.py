"""Verify the new deployment by golden requests, before any caller's request reaches it."""

import statistics
from dataclasses import dataclass

import structlog

from app.azureml.deployments import read_logs
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import AnswerTooLarge, AzureMLError, ConnectionLost, NotFound, Throttled, TimedOut, Unavailable
from app.azureml.facade import AzureML
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.azureml.types import Answer, Deployment, Endpoint
from app.evidence.cleaning import MOST_LINES
from app.evidence.service import ANSWER, DEPLOYMENT_LOG, Log
from app.planning.kinds import VerifyDeployment
from app.planning.tags import DIGEST_TAG
from app.steps.contract import Context, Done, Refused
from app.steps.digests import require_digest
from app.steps.golden import Golden, holds, read_golden, shown
from app.steps.scoring_answers import Meaning, meaning_of
from app.steps.settled import settled_deployment

log = structlog.get_logger(__name__)

_LONGEST_WAIT = 10.0  # seconds between the few tries of one request, whatever a Retry-After says
_GATEWAY_SECONDS = 10.0  # that the endpoint may take beside the model's own time


def verify_deployment(azure: AzureML, context: Context, wanted: VerifyDeployment) -> Done:
    """Send every golden request to the deployment by name. Raises Refused at the first wrong answer."""
    requests = read_golden(context.bundle, wanted.golden)
    endpoint, deployment = _require_there(azure, context, wanted)
    if wanted.digest is not None:
        require_digest(
            deployment.tags.get(DIGEST_TAG, "unknown"), wanted.digest, where=f"deployment {wanted.deployment}"
        )
    credential = ScoringCredential(azure, wanted.workspace, wanted.endpoint)
    limit = (deployment.request_timeout_ms or 0) / 1000 + _GATEWAY_SECONDS
    with Scoring(azure, str(endpoint.scoring_uri), secret=credential.value, seconds=limit) as scoring:
        asking = _Asking(azure, context, wanted, scoring, credential, of=len(requests))
        times = [asking.ask(golden, number=number) for number, golden in enumerate(requests, start=1)]
    return Done(
        f"{wanted.deployment} gave the right answers to all {len(requests)} golden requests."
        if requests
        else f"{wanted.deployment} is up. It was asked no golden requests.",
        output={
            "requests": len(requests),
            "passed": len(requests),
            "median_ms": round(statistics.median(times), 2) if times else None,
            "max_ms": round(max(times), 2) if times else None,
        },
        changed=False,
    )


@dataclass(frozen=True)
class _Asking:
    """Golden requests to one deployment, one after the other."""

    azure: AzureML
    context: Context
    wanted: VerifyDeployment
    scoring: Scoring
    credential: ScoringCredential
    of: int  # requests

    def ask(self, golden: Golden, *, number: int) -> float:
        """The milliseconds that the right answer took. Raises Refused, or AzureMLError for what may pass."""
        which = f"golden request {number} of {self.of}"
        answer = self._ask_patiently(golden, which)
        name = self.wanted.deployment
        if answer.deployment not in {None, name}:
            raise Refused(
                f"The answer to {which} came from {shown(answer.deployment)}, not from {name}.", code="golden_mismatch"
            )
        if not holds(golden.expect, answer.body):
            got = shown(answer.body)
            not_json = f" The answer is not JSON: {answer.not_json}." if answer.not_json else ""
            raise Refused(
                f"{name} gave the wrong answer to {which}: expected {shown(golden.expect)}, got {got}.{not_json}",
                code="golden_mismatch",
                hint="The model, its score code or the golden request is wrong. The traffic was not changed.",
                number=number,
                request=shown(golden.request),
                expected=shown(golden.expect),
                got=got,
            )
        return answer.seconds * 1000

    def _ask_patiently(self, golden: Golden, which: str) -> Answer:
        """The first answer with status 200."""
        tried = 0
        while True:
            self.context.checkpoint()
            answer = self._send(golden)
            if answer.status == 200:
                return answer
            endpoint, deployment = _require_there(self.azure, self.context, self.wanted)
            tried += 1
            meaning = meaning_of(answer, endpoint=endpoint, deployment=deployment)
            if meaning.tries is None or tried >= meaning.tries:
                raise self._failure(answer, meaning, which)
            self.context.report(
                f"{self.wanted.deployment} answered {which} with {answer.status}. The request is repeated."
            )
            self.credential.forget()
            self.context.wait(min(answer.retry_after or float(tried), _LONGEST_WAIT))

    def _send(self, golden: Golden) -> Answer:
        try:
            return self.scoring.ask(golden.request, deployment=self.wanted.deployment)
        except (ConnectionLost, TimedOut, NotFound):
            # An endpoint's address and its keys go with it.
            _require_there(self.azure, self.context, self.wanted)
            raise
        except AnswerTooLarge as large:
            raise Refused(large.sentence, code=large.code, hint=large.hint) from None

    def _failure(self, answer: Answer, meaning: Meaning, which: str) -> Refused | AzureMLError:
        sentence = f"{self.wanted.deployment} answered {which} with {answer.status}: {meaning.says}."
        evidence = self._evidence(answer) if meaning.is_of_model else Log(ANSWER, f"{answer.status}\n{answer.body}")
        if meaning.tries is None:
            kind = Throttled if answer.status == 429 else Unavailable
            return kind(sentence, hint=meaning.hint, retry_after=answer.retry_after, log=evidence)
        return Refused(sentence, code=meaning.code, hint=meaning.hint, log=evidence)

    def _evidence(self, answer: Answer) -> Log:
        """The container's log where it can be had, and the answer: the score code's words, which no sentence repeats."""
        said = f"Answer {answer.status}:\n{answer.body}"
        wanted = self.wanted
        try:
            lines = read_logs(self.azure, wanted.workspace, wanted.endpoint, wanted.deployment, lines=MOST_LINES)
        except AzureMLError as unreadable:
            log.warning("deployment_log_not_read", deployment=wanted.deployment, code=unreadable.code)
            return Log(ANSWER, said)
        return Log(DEPLOYMENT_LOG, f"{lines}\n{said}")


def _require_there(azure: AzureML, context: Context, wanted: VerifyDeployment) -> tuple[Endpoint, Deployment]:
    """Both as they are now. Raises Refused when the deployment is gone, or does not work."""
    workspace = wanted.workspace
    endpoint = get_endpoint(azure, workspace, wanted.endpoint)
    deployment = settled_deployment(azure, context, workspace, wanted.endpoint, wanted.deployment)
    if endpoint is None or deployment is None:
        gone = f"endpoint {wanted.endpoint}" if endpoint is None else f"deployment {wanted.deployment}"
        raise Refused(
            f"The {gone} no longer exists: it was deleted after this release had created it.",
            code="deployment_deleted",
            hint="Find out who deleted it, and request a new release.",
        )
    if deployment.state != "succeeded" or not endpoint.scoring_uri:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is not usable: it is {deployment.state}.",
            code="deployment_not_ready",
            hint="Somebody changed it after it was created. Request a new release.",
        )
    return endpoint, deployment
