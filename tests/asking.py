"""Releases whose steps measured too little to decide, and ask a person: what a worker of ``tests.instant`` is to do for that.

The documents are shaped as ``steps.replay`` and ``steps.analyse`` make them.
"""

from datetime import timedelta
from typing import Any

from app.evidence.reports import ANALYSIS, GOLDEN, Report
from app.steps.contract import Context, Done, Outcome, Waiting
from tests.api.playing import apply, ask, definition
from tests.api.serving import Served
from tests.definitions.conftest import RELEASE
from tests.instant import Act, InstantWorker

Json = dict[str, Any]

QUESTION = "3 of the canary's 120 requests failed (2.50%): up to 6.33% more cannot be excluded. Go on?"
ANALYSED: Json = {
    "verdict": "inconclusive",
    "findings": [{"metric": "errors", "verdict": "inconclusive", "sentence": QUESTION.removesuffix(" Go on?")}],
    "from": "2026-11-27T10:00:00+00:00",
    "to": "2026-11-27T10:30:00+00:00",
    "share": 5,
    "mirrored": False,
    "minutes": 28,
    "canary": {"requests": 120, "failed": 3},
    "baseline": {"requests": 2250, "failed": 9},
    "latency_minutes": 0,
}
REPLAYED: Json = {
    "verdict": "passed",
    "findings": [
        {
            "metric": "accuracy compared with what serves",
            "verdict": "passed",
            "sentence": "Of 400 labelled requests it alone has 12 right, and what serves alone 7: +1.25 points, interval -0.53 to "
            "+3.11; -1 points are tolerated.",
        },
    ],
    "from": "2026-11-27T09:58:00+00:00",
    "to": "2026-11-27T09:59:00+00:00",
    "asked": 400,
    "of": 400,
    "new": {
        "deployment": "r2-new",
        "right": 381,
        "unanswered": 0,
        "labelled": 400,
        "labelled_right": 381,
        "times": 400,
        "latency_ms": {"p50": 11.2, "p95": 19.04, "p99": 31.77},
        "accuracy": {"percent": 95.25, "interval": [93.06, 96.92]},
    },
    "serving": {
        "deployment": "r1-old",
        "right": 376,
        "unanswered": 1,
        "labelled": 400,
        "labelled_right": 376,
        "times": 400,
        "latency_ms": {"p50": 11.9, "p95": 20.0, "p99": 30.1},
        "accuracy": {"percent": 94.0, "interval": [91.62, 95.85]},
    },
    "wrong": [],
    "wrong_number": 0,
    "agreement": {"same": 381, "of": 400},
    "flips": {
        "won": 12,
        "lost": 7,
        "listed": [
            {"number": 17, "expected": '"positive"', "new": '"positive"', "serving": '"negative"', "change": "won"},
            {
                "number": 203,
                "expected": '"<b>neutral</b>"',
                "new": '"positive"',
                "serving": '"neutral"',
                "change": "lost",
            },
        ],
    },
    "difference": {"points": 1.25, "interval": [-0.53, 3.11]},
}

_CANARY = """
    traffic:
      strategy: canary
      steps: [{weight: 5, bake: 30m}]
"""


def with_canary() -> bytes:
    """The definition whose stage dev, which nobody approves, has a canary first."""
    endpoint = "    endpoint: churn-dev\n"
    assert endpoint in RELEASE
    return definition(release_yml=RELEASE.replace(endpoint, endpoint.rstrip("\n") + _CANARY))


def ask_people(worker: InstantWorker, kind: str = "analyse") -> None:
    """From now on steps of this kind ask until somebody goes on: an analysis, or the golden requests."""
    worker.hands.acts["verify_deployment"] = _replayed
    worker.hands.acts[kind] = _asking(worker)


def ask_in_dev(service: Served, worker: InstantWorker) -> str:
    """A release that zoe asked for, to dev alone, which asks people about its canary."""
    zoe = service.client("zoe")
    assert apply(zoe, with_canary()).status_code == 201
    ask_people(worker)
    release: str = ask(zoe, stages=["dev"])["id"]
    worker.prepare(release)
    worker.carry_out(release, "dev")
    return release


def _replayed(_context: Context) -> Outcome:
    return Done("It answers as is wanted.", report=Report(GOLDEN, "passed", REPLAYED))


def _asking(worker: InstantWorker) -> Act:
    def ask(context: Context) -> Outcome:
        answer, report = context.answer, Report(ANALYSIS, "inconclusive", ANALYSED)
        if answer is not None and answer.answer == "advance":
            return Done(f"{answer.by} goes on.", report=report)
        if answer is not None:
            return Waiting(worker.context.now(), "It is watched for longer.", {})
        until = worker.context.now() + timedelta(hours=1)
        return Waiting(until, QUESTION, {"asked": True}, asks="inconclusive", report=report)

    return ask
