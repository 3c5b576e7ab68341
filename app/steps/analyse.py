"""Compare the new deployment with what serves while it bakes: stop it once it is worse for certain, go on once it is good enough.

What is neither asks a person. Nothing is kept between two looks but what cannot be read again: each reads the whole window.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.analysis.canary import Probes, Seen, fails_beside_baseline, judge_canary, look_at_canary, probes_wanted
from app.analysis.counts import Counts, Pair, total
from app.analysis.difference import upper_bound_of_difference
from app.analysis.minutes import latencies_of, pairs_of
from app.analysis.verdict import Finding, Verdict, sentences_of, verdict_of
from app.azureml.errors import AzureMLError
from app.azureml.facade import AzureML
from app.azureml.metrics import read_latencies, read_requests
from app.azureml.types import Endpoint
from app.documents.json_object import Json
from app.evidence.reports import ANALYSIS, Report
from app.planning.kinds import Analyse
from app.planning.policy import length_of
from app.steps.analysis_window import Window
from app.steps.baseline import baseline_of
from app.steps.contract import Context, Done, Outcome, PersonsAnswer, Refused, Waiting
from app.steps.golden import read_golden
from app.steps.probes import send_probes
from app.steps.undisturbed import require_undisturbed

log = structlog.get_logger(__name__)

_READ_AGAIN = timedelta(seconds=10)  # before a verdict that stops it: the newest minutes may have been incomplete
_WHILE_ASKING = timedelta(minutes=5)  # between two looks while a person is asked
_UNTIL_READABLE, _MOST_UNREADABLE = (
    timedelta(seconds=30),
    10,
)  # between looks at the end of a bake, and how many of them


def analyse(azure: AzureML, context: Context, wanted: Analyse) -> Outcome:
    """Raises Refused once it is worse for certain, where somebody else moved the traffic, and where nobody answered."""
    baseline = baseline_of(context, wanted.baseline_from)
    if not baseline:
        return Done(f"Nothing served before {wanted.deployment}: there is nothing to compare it with.", changed=False)
    endpoint = require_undisturbed(azure, context, wanted, baseline)
    return _Analysis(azure, context, wanted, baseline, endpoint).go_on()


@dataclass(frozen=True)
class _Analysis:
    """One look of one share's."""

    azure: AzureML
    context: Context
    wanted: Analyse
    baseline: dict[str, int]
    endpoint: Endpoint

    def go_on(self) -> Outcome:
        """Look at what is complete by now, and decide what that comes to."""
        now, memory, answer = self.context.now(), self.context.memory, self._answer
        window = self._window(now)
        watched = (
            Window(window.since, now) if "asked" in memory else window
        )  # while a person thinks, callers are served
        seen, unread = self._read(watched.complete(now, delay=self._delay))
        failed = look_at_canary(self.wanted.rules, seen)
        if failed is not None:
            return self._stop([failed], seen, window)
        if answer is not None and answer.answer == "advance":
            return self._accepted(seen, window)
        if answer is not None:
            return self._wait(window, {"until": window.until.isoformat()})
        if "asked" in memory:
            return self._ask_on(now)
        if not window.is_over(now, delay=self._delay):
            return self._wait(window, self._kept())
        unreadable = memory.get("unreadable", 0) + 1
        if unread is not None and unread.retryable and unreadable < _MOST_UNREADABLE:
            again = now + max(_UNTIL_READABLE, timedelta(seconds=unread.retry_after or 0))
            return Waiting(again, _unread(unread), {**self._kept(), "unreadable": unreadable})
        return self._decide(seen, window, unread)

    def _window(self, now: datetime) -> Window:
        """As it was fixed, or longer where a person had it wait longer."""
        bake = timedelta(seconds=self.wanted.bake_seconds)
        rules, answer = self.wanted.rules, self._answer
        first = Window.of(self.context.first_begun_at, bake=bake, warm_up_minutes=rules.warm_up_minutes)
        if answer is not None and answer.answer == "extend":
            return Window(first.since, Window.of(now, bake=bake, warm_up_minutes=0).until)
        until = self.context.memory.get("until")
        return first if until is None else Window(first.since, datetime.fromisoformat(until))

    def _read(self, window: Window) -> tuple[Seen, AzureMLError | None]:
        """What is known, and why nothing is where that cannot be read: a verdict never comes of that."""
        wanted = self.wanted
        earlier = [_pair(self.context.outputs[each]) for each in wanted.earlier]
        known = [each for each in earlier if each is not None]
        if window.since >= window.until:
            return Seen((), (), known), None
        where: dict[str, Any] = {"since": window.since, "until": window.until}
        arms: dict[str, Any] = {"canary": wanted.deployment, "baseline": self.baseline}
        try:
            pairs = pairs_of(read_requests(self.azure, wanted.workspace, wanted.endpoint, **where), **arms)
            latencies = (
                []
                if wanted.rules.latency is None
                else latencies_of(
                    read_latencies(self.azure, wanted.workspace, wanted.endpoint, **where),
                    pairs,
                    percentile=wanted.rules.latency.percentile,
                    **arms,
                )
            )
        except AzureMLError as error:
            log.warning("metrics_not_read", endpoint=wanted.endpoint, code=error.code, error=str(error))
            return Seen((), (), known), error
        return Seen(list(pairs.values()), latencies, known), None

    def _decide(self, seen: Seen, window: Window, unread: AzureMLError | None) -> Outcome:
        """The bake is over. Where it is not known how callers fared, no probe is good enough to go on."""
        rules = self.wanted.rules
        findings, probes, unknown = judge_canary(rules, seen), None, [] if unread is None else [_unread(unread)]
        verdict = verdict_of(findings)
        if verdict in {Verdict.INCONCLUSIVE, Verdict.NO_DATA} and rules.no_data == "probe" and unread is None:
            try:
                probes = self._probe(seen)
            except AzureMLError as error:
                log.warning("probes_not_sent", endpoint=self.wanted.endpoint, code=error.code, error=str(error))
                unknown = [f"Golden requests could not be sent: {error.sentence}"]
            findings = judge_canary(rules, seen, probes)
            verdict = verdict_of(findings)
        if verdict is Verdict.PASSED:
            return self._done(findings, seen, window, probes)
        if verdict is Verdict.FAILED:
            return self._stop(findings, seen, window, probes)
        why = " ".join([sentences_of(findings, verdict), *unknown])
        asked = {
            **self._kept(),
            "asked": self.context.now().isoformat(),
            "verdict": verdict.value,
            "why": why,
            "evidence": self._evidence(findings, seen, window, probes),
        }
        return replace(self._ask(asked), report=_report(asked["evidence"]))

    def _probe(self, seen: Seen) -> Probes | None:
        """None where there is nothing to send."""
        requests = [each.request for each in read_golden(self.context.bundle, self.wanted.golden)]
        if not requests or not self.endpoint.scoring_uri:
            return None
        self.context.report(f"Few requests: golden requests are sent to {self.wanted.deployment} and to what serves.")
        return send_probes(
            self.azure,
            self.context,
            self.wanted,
            requests,
            uri=self.endpoint.scoring_uri,
            baseline=max(self.baseline, key=lambda name: (self.baseline[name], name)),
            number=probes_wanted(self.wanted.rules, seen),
        )

    def _wait(self, window: Window, memory: Json) -> Waiting:
        until = window.next_look(self.context.now(), delay=self._delay)
        share = f"{self.wanted.share}% of the {'requests as copies' if self.wanted.mirrored else 'traffic'}"
        ends = window.until + self._delay
        said = (
            f"{self.wanted.deployment} has {share} of {self.wanted.endpoint} and is watched until {ends:%H:%M:%S} UTC."
        )
        return Waiting(until, said, memory)

    def _ask(self, asked: Json) -> Waiting:
        """A person decides; meanwhile what breaks for certain is stopped all the same."""
        over = datetime.fromisoformat(asked["asked"]) + length_of(self.wanted.rules.answer_within)
        said = (
            f"{asked['why']} Go on (advance), wait longer (extend) or go back (abort)? "
            f"Without an answer by {over:%Y-%m-%d %H:%M} UTC it goes back."
        )
        until = min(self.context.now() + _WHILE_ASKING, over)
        return Waiting(until, said, asked, asks=asked["verdict"])

    def _ask_on(self, now: datetime) -> Waiting:
        asked = {name: value for name, value in self.context.memory.items() if name not in {"suspect", "answer"}}
        if now >= datetime.fromisoformat(asked["asked"]) + length_of(self.wanted.rules.answer_within):
            raise Refused(
                f"Nobody decided within {self.wanted.rules.answer_within}. {asked['why']}",
                code="not_answered",
                hint="Request a new release, with more traffic, a longer bake or a wider margin.",
                analysis=asked["evidence"],
            )
        return self._ask(asked)

    def _stop(self, findings: Sequence[Finding], seen: Seen, window: Window, probes: Probes | None = None) -> Waiting:
        """Raises Refused. The first time it only says to read the same minutes again: Azure may have known but half of them."""
        memory, answer = self.context.memory, self._answer
        if probes is None and "suspect" not in memory:
            said = {} if answer is None else {"answer": {**asdict(answer), "at": answer.at.isoformat()}}
            return Waiting(
                self.context.now() + _READ_AGAIN,
                "It looks worse. The metrics are read once more.",
                {**memory, **said, "suspect": True},
                asks=memory.get("verdict"),
            )
        pair = total([*seen.minutes, *([] if probes is None else [probes.pair])])
        if fails_beside_baseline(self.wanted.rules, findings, pair):
            judged = "fails, and what serves does no better: the cause may be another than this release"
        else:
            judged = "does worse than what serves" if pair.baseline.requests else "fails"
        evidence = self._evidence(findings, seen, window, probes)
        raise Refused(
            f"{self.wanted.deployment} {judged}. {sentences_of(findings, Verdict.FAILED)}",
            code="analysis_failed",
            hint="The evidence is in the step's output. Mend the model or its score code, and request a new release.",
            analysis=evidence,
            report=_report(evidence),
        )

    def _done(self, findings: Sequence[Finding], seen: Seen, window: Window, probes: Probes | None) -> Done:
        said, evidence = sentences_of(findings, Verdict.PASSED), self._evidence(findings, seen, window, probes)
        return Done(
            f"{self.wanted.deployment} does no worse than what serves. {said}",
            output=evidence,
            changed=False,
            report=_report(evidence),
        )

    def _accepted(self, seen: Seen, window: Window) -> Done:
        """A person goes on with what is not certain."""
        answer = self._answer
        assert answer is not None, "somebody answered"
        kept = self.context.memory.get("evidence")
        evidence = self._evidence(judge_canary(self.wanted.rules, seen), seen, window, None) if kept is None else kept
        reason = f": {answer.reason}" if answer.reason else ""
        said = {"answer": answer.answer, "by": answer.by, "at": answer.at.isoformat(), "reason": answer.reason}
        return Done(
            f"{answer.by} goes on with {self.wanted.deployment}{reason}",
            output={**evidence, "accepted": said},
            changed=False,
            report=_report({**evidence, "accepted": said}),
        )

    def _evidence(self, findings: Sequence[Finding], seen: Seen, window: Window, probes: Probes | None) -> Json:
        seen_now = total(seen.minutes)
        evidence: Json = {
            "verdict": verdict_of(findings).value,
            "findings": [
                {"metric": each.metric, "verdict": each.verdict.value, "sentence": each.sentence} for each in findings
            ],
            "from": window.since.isoformat(),
            "to": window.until.isoformat(),
            "share": self.wanted.share,
            "mirrored": self.wanted.mirrored,
            "minutes": len(seen.minutes),
            "canary": _counted(seen_now.canary),
            "baseline": _counted(seen_now.baseline),
            "latency_minutes": len(seen.latencies),
            "rules": self.wanted.rules.model_dump(mode="json"),
        }
        if seen_now.canary.requests and seen_now.baseline.requests:
            evidence["at_most_higher"] = upper_bound_of_difference(seen_now)  # of the rates, with 95% confidence
        if probes is not None:
            evidence["probes"] = {"canary": _counted(probes.pair.canary), "baseline": _counted(probes.pair.baseline)}
        return evidence

    def _kept(self) -> Json:
        """Of its memory what is still so once nothing looks bad."""
        return {name: value for name, value in self.context.memory.items() if name == "until"}

    @property
    def _answer(self) -> PersonsAnswer | None:
        """As it was just given, or before the same minutes were read again."""
        kept = self.context.memory.get("answer")
        if self.context.answer is not None or kept is None:
            return self.context.answer
        return PersonsAnswer(**{**kept, "at": datetime.fromisoformat(kept["at"])})

    @property
    def _delay(self) -> timedelta:
        return timedelta(seconds=self.azure.settings.metrics_delay_seconds)


def _unread(error: AzureMLError) -> str:
    return f"Its metrics could not be read: {error.sentence}"


def _report(evidence: Json) -> Report:
    return Report(ANALYSIS, evidence["verdict"], evidence)


def _counted(counts: Counts) -> Json:
    return {"requests": counts.requests, "failed": counts.bad}


def _pair(output: Any) -> Pair | None:
    """What an earlier analysis saw; None: it had nothing to compare."""
    if "canary" not in output:
        return None
    return Pair(*(Counts(output[arm]["requests"], output[arm]["failed"]) for arm in ("canary", "baseline")))
