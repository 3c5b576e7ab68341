"""Verify the new deployment by golden requests, before any caller's request reaches it.

Where the definition says how answers are judged, the same requests go to what serves by turns: see ``steps.replay``. What that cannot
decide is asked of a person, and no traffic has been moved.
"""

import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.analysis.verdict import Verdict
from app.azureml.deployments import read_logs
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import AnswerTooLarge, AzureMLError, ConnectionLost, NotFound, Throttled, TimedOut, Unavailable
from app.azureml.facade import AzureML
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.azureml.types import Answer, Deployment, Endpoint
from app.evidence.cleaning import MOST_LINES
from app.evidence.log import ANSWER, DEPLOYMENT_LOG, Log
from app.planning.kinds import VerifyDeployment
from app.planning.policy import length_of
from app.planning.tags import DIGEST_TAG
from app.steps.contract import Context, Done, Outcome, Refused, Waiting
from app.steps.digests import require_digest
from app.steps.golden import Golden, read_golden, shown
from app.steps.replay import Replay, Result
from app.steps.scoring_answers import Meaning, meaning_of
from app.steps.settled import settled_deployment

log = structlog.get_logger(__name__)

_LONGEST_WAIT = 10.0  # seconds between the few tries of one request, whatever a Retry-After says
_GATEWAY_SECONDS = 10.0  # that the endpoint may take beside the model's own time


def verify_deployment(azure: AzureML, context: Context, wanted: VerifyDeployment) -> Outcome:
    """Send every golden request to the deployment by name. Raises Refused where its answers do not do, or nobody said that they do."""
    requests = read_golden(context.bundle, wanted.golden)
    if "asked" in context.memory and (context.answer is None or context.answer.answer == "advance"):
        return _answered(context, wanted)
    if wanted.replay is None:
        requests = [each for each in requests if not each.is_labelled]
    endpoint, deployment = _require_there(azure, context, wanted)
    if wanted.digest is not None:
        require_digest(
            deployment.tags.get(DIGEST_TAG, "unknown"), wanted.digest, where=f"deployment {wanted.deployment}"
        )
    credential = ScoringCredential(azure, wanted.workspace, wanted.endpoint)
    limit = (deployment.request_timeout_ms or 0) / 1000 + _GATEWAY_SECONDS
    with Scoring(azure, str(endpoint.scoring_uri), secret=credential.value, seconds=limit) as scoring:
        asking = _Asking(azure, context, wanted, scoring, credential, of=len(requests))
        if wanted.replay is not None:
            serving = _serving(endpoint, wanted.deployment)
            replay = Replay(
                wanted.replay,
                requests,
                context=context,
                ask=asking.answer,
                scoring=scoring,
                serving=serving,
                name=wanted.deployment,
            )
            return _judged(context, wanted, replay.carry_out())
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


def _serving(endpoint: Endpoint, new: str) -> str | None:
    """Whose answers the new ones are compared with: what has the largest share beside it."""
    shares = {name: share for name, share in endpoint.live_traffic.items() if name != new}
    return max(shares, key=lambda name: (shares[name], name), default=None)


def _judged(context: Context, wanted: VerifyDeployment, result: Result) -> Outcome:
    """What the verdict comes to. Raises Refused."""
    assert wanted.replay is not None, "where it is judged, the plan says how"
    report, why, name = result.report(), result.why, wanted.deployment
    match result.verdict:
        case Verdict.PASSED:
            return Done(f"{name} answers as is wanted. {why}", output=result.output, changed=False, report=report)
        case Verdict.FAILED:
            raise Refused(
                f"{name} does not answer as is wanted. {why}",
                code="golden_mismatch" if result.wrong else "golden_failed",
                hint="The model, its score code or the golden request is wrong. The traffic was not changed.",
                report=report,
                **result.output,
            )
        case Verdict.INCONCLUSIVE | Verdict.NO_DATA:
            # From the step's begin: to send them once more gives nobody more time than the step has.
            sending = timedelta(minutes=wanted.replay.within_minutes)
            over = context.first_begun_at + sending + length_of(wanted.replay.answer_within)
            said = (
                f"{why} No traffic was moved. Go on (advance), send them once more (extend) or stop (abort)? "
                f"Without an answer by {over:%Y-%m-%d %H:%M} UTC the release fails."
            )
            asked = {"asked": over.isoformat(), "why": why, "said": said, "output": result.output}
            asked["verdict"] = result.verdict.value
            return Waiting(over, said, asked, asks=result.verdict.value, report=report)


def _answered(context: Context, wanted: VerifyDeployment) -> Outcome:
    """A person goes on with what is not certain, or has not said anything yet. Raises Refused once it is too late."""
    asked, answer = context.memory, context.answer
    if answer is not None:
        reason = f": {answer.reason}" if answer.reason else "."
        accepted = {"by": answer.by, "at": answer.at.isoformat(), "reason": answer.reason}
        output = {**asked["output"], "accepted": accepted}
        return Done(f"{answer.by} goes on with {wanted.deployment}{reason}", output=output, changed=False)
    over = datetime.fromisoformat(asked["asked"])
    if context.now() >= over:
        raise Refused(
            f"Nobody decided in time. {asked['why']}",
            code="not_answered",
            hint="Request a new release, with more labelled requests or a wider margin. The traffic was not changed.",
            **asked["output"],
        )
    return Waiting(over, asked["said"], dict(asked), asks=asked["verdict"])


@dataclass(frozen=True)
class _Asking:
    """Golden requests to one deployment, one after the other."""

    azure: AzureML
    context: Context
    wanted: VerifyDeployment
    scoring: Scoring
    credential: ScoringCredential
    of: int  # requests

    def answer(self, golden: Golden, number: int) -> Answer:
        """Whatever its answer is. Raises Refused, or AzureMLError for what may pass."""
        which = f"golden request {number} of {self.of}"
        answer = self._ask_patiently(golden, which)
        name = self.wanted.deployment
        if answer.deployment not in {None, name}:
            raise Refused(
                f"The answer to {which} came from {shown(answer.deployment)}, not from {name}.", code="golden_mismatch"
            )
        return answer

    def ask(self, golden: Golden, *, number: int) -> float:
        """The milliseconds that the right answer took. Raises Refused, or AzureMLError for what may pass."""
        answer, name = self.answer(golden, number), self.wanted.deployment
        if not golden.is_right(answer.body):
            which = f"golden request {number} of {self.of}"
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
