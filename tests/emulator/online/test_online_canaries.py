"""Some dozens of canaries, measured by the emulator and read back from its Azure Monitor: who is stopped, and who is not."""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.analysis.canary import Seen, judge_canary, look_at_canary
from app.analysis.minutes import MINUTE, latencies_of, pairs_of
from app.analysis.verdict import Verdict, verdict_of
from app.azureml.client import AzureSettings
from app.azureml.facade import AzureML, open_azure
from app.azureml.metrics import read_latencies, read_requests
from app.planning.analysis import AnalysisRules
from app.planning.places import Place
from emulator.online import metrics
from emulator.store import Store

from .rest import SUBSCRIPTION, Rest

RULES = AnalysisRules()
BAKE = 30  # minutes
PER_MINUTE, SHARE = 240, 0.25  # requests to both, and how likely one is the canary's
USUAL = 0.01  # of the requests fail, whoever gets them
ARMS: dict[str, Any] = {"canary": "green", "baseline": {"blue"}}


@dataclass(frozen=True)
class Behaviour:
    """``fails``: with this status, so likely. ``slower``: how many times."""

    fails: float = USUAL
    status: int = 424
    slower: float = 1.0


GOOD, CRASHES, OFTEN, LATE, SLOW = (
    Behaviour(),
    Behaviour(fails=0.5),
    Behaviour(fails=0.1),
    Behaviour(fails=1.0, status=408),  # never answers: nothing comes from the model, not even a status
    Behaviour(slower=3.0),
)


def measure(rest: Rest, endpoint: str, begins: datetime, new: Behaviour, chance: random.Random) -> None:
    """What the emulator's recorder would have counted of callers' requests in the minutes from ``begins`` on."""
    store = Store(rest.running.data / "azure.sqlite")
    recorder = metrics.Metrics(store)
    with pytest.MonkeyPatch.context() as patch:
        for minute in range(BAKE):
            at = (begins + minute * MINUTE).timestamp()
            patch.setattr(metrics, "time", SimpleNamespace(time=lambda at=at: at))
            for _ in range(PER_MINUTE):
                name, does = ("green", new) if chance.random() < SHARE else ("blue", GOOD)
                failed = chance.random() < does.fails
                recorder.record(
                    "ws-dev",
                    endpoint,
                    deployment=name,
                    status=does.status if failed else 200,
                    model_status=(0 if does.status == 408 else 500) if failed else 200,
                    milliseconds=does.slower * math.exp(chance.gauss(math.log(50), 0.5)),
                )
        recorder.flush()
    store.close()


def read(azure: AzureML, endpoint: str, begins: datetime) -> list[Seen]:
    """All that is known after each of the minutes."""
    place = Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace="ws-dev")
    span = {"since": begins, "until": begins + BAKE * MINUTE}
    pairs = pairs_of(read_requests(azure, place, endpoint, **span), **ARMS)
    latencies = latencies_of(read_latencies(azure, place, endpoint, **span), pairs, percentile="p95", **ARMS)
    return [Seen(list(pairs.values())[:number], latencies[:number]) for number in range(1, len(pairs) + 1)]


@pytest.mark.usefixtures("azure")
def test_only_bad_canaries_are_stopped_however_often_one_looks(rest: Rest, endpoint: str) -> None:
    azure = open_azure(
        AzureSettings(
            resource_manager=rest.running.base_url,
            cloud_metadata_url=rest.running.environment["ARM_CLOUD_METADATA_URL"],
            private_cloud=True,
        )
    )
    chance = random.Random(20261127)  # noqa: S311 - requests, no secrets
    canaries = [*[GOOD] * 24, *[CRASHES] * 4, *[OFTEN] * 4, *[LATE] * 4, *[SLOW] * 4]
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    stopped: list[int] = []  # after how many minutes; 0: not at all
    ends: list[Verdict] = []
    for number, canary in enumerate(canaries, start=1):
        begins = now - number * timedelta(minutes=BAKE + 5)
        measure(rest, endpoint, begins, canary, chance)
        seen = read(azure, endpoint, begins)
        assert len(seen) == BAKE
        early = (look for look, each in enumerate(seen, start=1) if look_at_canary(RULES, each) is not None)
        stopped.append(next(early, 0))
        ends.append(verdict_of(judge_canary(RULES, seen[-1])))

    assert stopped[:24] == [0] * 24
    assert Verdict.FAILED not in ends[:24]
    assert ends[:24].count(Verdict.PASSED) >= 20
    assert set(stopped[24:28]) == {1}
    assert all(0 < look <= 15 for look in stopped[28:32])
    assert set(stopped[32:36]) == {1}
    assert all(8 <= look <= 15 for look in stopped[36:])  # it takes eight minutes that count
    assert set(ends[24:]) == {Verdict.FAILED}
