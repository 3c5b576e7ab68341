"""A worker in this process whose steps end at once, or do what the test wants. Everything else is the service's own.

What a worker is made of, and how one release is taken through it, is said here and nowhere else in the tests.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from azure.core.credentials import AccessToken

from app.azureml.client import AzureSettings
from app.azureml.facade import AzureML
from app.database.connection import Database
from app.execution.context import Lookups, WorkerContext
from app.execution.dry_run import carry_out_dry_run
from app.execution.lease import Lease
from app.execution.prepare import prepare_release
from app.execution.rollout import carry_out_rollout
from app.execution.signals import Signals
from app.execution.timers import do_what_is_due
from app.guardrails.rules import NO_GUARDRAILS, Guardrails
from app.identity.actor import SERVICE
from app.planning.budget import Budget
from app.planning.checks import Check
from app.planning.content import Content, RegisteredModel
from app.planning.kinds import (
    KINDS,
    AdoptTarget,
    ConfirmServing,
    CreateDeployment,
    MirrorTraffic,
    RestoreTraffic,
    ShiftTraffic,
)
from app.planning.observed import DeploymentFacts, Observed
from app.planning.places import Target
from app.planning.sources import ModelSource
from app.planning.tags import DIGEST_TAG, RELEASE_TAG
from app.preflight.content_wanted import ContentWanted
from app.preflight.look_at_target import TargetSeen, TargetWanted
from app.preflight.looking import Preflight
from app.releases.queries import get_rollout, steps_of
from app.releases.states import Status, StepStatus
from app.releasing.queue import DbosQueue
from app.releasing.work import Releasing, Work
from app.settings import Settings
from app.steps.contract import Context, Done, Outcome, Refused, Step
from app.steps.read_target import Found
from app.workers.service import WorkerIdentity
from tests.waiting import PATIENCE_SECONDS, wait_until

Json = dict[str, Any]
Act = Callable[[Context], Outcome]

LEASE_SECONDS = 600.0  # longer than any test
LOOK_SECONDS = 0.02  # of a step that is held: between two looks at whether it is to stop

NOWHERE = "http://127.0.0.1:9"  # where nothing listens
OLDER = WorkerIdentity(id="worker-1", host="here", pid=1, version="0")


class NoIdentity:
    """In place of this machine's own, which may be somebody's who is logged in to Azure."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("not-a-token", 2**40)


def unreachable_azure() -> AzureML:
    """What a rollout that people ended is asked about: whoever asks it learns that it does not respond."""
    settings = AzureSettings(
        resource_manager=NOWHERE,
        cloud_metadata_url=f"{NOWHERE}/metadata/endpoints",
        key_vault_url=f"{NOWHERE}/{{vault}}",
    )
    return AzureML(settings, NoIdentity())


@dataclass
class Hands:
    """Steps that note that they were carried out, and then do what the test wants.

    ``acts``: by the kind of a step, or by the id of a step run. What is looked up before planning is done by the acts
    ``resolve_content``, ``preflight`` and ``look_at_target``: the output of the first is the content, that of the second has the
    checks, that of the third the ``check`` and the ``usable`` deployments.
    """

    acts: dict[str, Act] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    outputs: dict[str, Json] = field(default_factory=dict)
    targets: dict[str, Found] = field(default_factory=dict)  # what Azure has at each

    def steps(self) -> dict[str, Step]:
        return {kind: self.step(kind) for kind in KINDS}

    def lookups(self) -> Lookups:
        resolve, check, look = (self.step(each) for each in ("resolve_content", "preflight", "look_at_target"))

        def resolve_content(context: Context, wanted: ContentWanted) -> Content:
            given = _done(resolve(context, wanted)).output
            known = {field: value for field, value in given.items() if field in Content.model_fields}
            return Content.model_validate({**_content(context.release, wanted).model_dump(mode="json"), **known})

        def preflight(context: Context, wanted: Preflight) -> list[Check]:
            return [Check.model_validate(each) for each in _done(check(context, wanted)).output.get("checks", ())]

        def look_at_target(context: Context, wanted: TargetWanted) -> TargetSeen:
            given = _done(look(context, wanted)).output
            seen = Check(stage=wanted.stage, check="endpoint", outcome="passed", code="passed", sentence="It is there.")
            return TargetSeen(Check.model_validate(given.get("check", seen)), given.get("usable", {}))

        return Lookups(resolve_content, preflight, look_at_target, lambda *asked: self.read_target(*asked))

    def read_target(self, target: Target, _key_vault: str | None) -> Found:
        return self.targets.get(str(target), Found(Observed()))

    def step(self, kind: str) -> Step:
        def carry_out(context: Context, config: Any) -> Outcome:
            self.seen.append(kind)
            self.outputs[kind] = dict(context.outputs)
            act = self.acts.get(f"{context.release}:{context.stage}:{kind}") or self.acts.get(kind)
            outcome = act(context) if act else Done(f"{kind} is done.", {"of": kind})
            if isinstance(outcome, Done) and outcome.observed is None:
                return replace(outcome, observed=_observed(config))
            return outcome

        return carry_out


BEFORE = "r0-before"  # what serves where a rollout moves traffic in steps


def _observed(config: Any) -> Observed | None:
    """What the step would read back where Azure has done what it was asked for."""
    match config:
        case CreateDeployment():
            tags = dict(config.tags)
            digest = tags.setdefault(DIGEST_TAG, config.digest)
            made = DeploymentFacts(name=config.deployment, release=tags.get(RELEASE_TAG), digest=digest, tags=tags)
            return Observed(deployments=(made,))
        case AdoptTarget():
            return config.found.model_copy(update={"gone": config.gone})
        case ShiftTraffic() if config.percent < 100:
            return Observed(traffic={config.deployment: config.percent, BEFORE: 100 - config.percent}, mirror={})
        case ShiftTraffic() | ConfirmServing():
            return Observed(traffic={config.deployment: 100}, mirror={})
        case MirrorTraffic():
            return Observed(traffic={BEFORE: 100}, mirror={config.deployment: config.percent})
        case RestoreTraffic():
            return Observed(traffic={BEFORE: 100}, mirror={})
        case _:
            return None


def _content(release: str, wanted: ContentWanted) -> Content:
    """As Azure would have it, where all is there that somebody asks for."""
    found = (wanted.earlier or Content.model_validate(content_of(release))).model_copy(update={"source": wanted.source})
    if not isinstance(wanted.source, ModelSource):
        return found
    version = wanted.source.version
    known = RegisteredModel(name=version.name, version=version.version, id=wanted.source.uri, registry=version.registry)
    return found.model_copy(update={"registered": known})


def _done(outcome: Outcome) -> Done:
    assert isinstance(outcome, Done)
    return outcome


def open_worker(
    settings: Settings,
    database: Database,
    hands: Hands,
    *,
    guardrails: Guardrails = NO_GUARDRAILS,
    identity: WorkerIdentity = OLDER,
) -> WorkerContext:
    """A worker's tools; its steps are the test's, and there is no Azure."""
    lease = Lease(database, identity, seconds=LEASE_SECONDS, exclusive=False)
    lease.take()
    return WorkerContext(
        settings=settings,
        database=database,
        queue=DbosQueue(database.engine),
        azure=unreachable_azure(),
        lookups=hands.lookups(),
        steps=hands.steps(),
        signals=Signals(database, lease),
        identity=identity,
        guardrails=guardrails,
        budget=Budget(tries=3, first_wait=0.001, longest_wait=0.01),
    )


class InstantWorker:
    """Takes releases through what a worker does with them, in the test's own order: it takes nothing from the queue by itself."""

    def __init__(self, settings: Settings, database: Database, *, guardrails: Guardrails = NO_GUARDRAILS) -> None:
        self.content: Json = {}  # of what the next job gave, beside or in place of what a job gives
        self.checks: list[Json] = []  # what the next look at the stages finds
        self.hands = Hands(acts={"resolve_content": self._resolve, "preflight": self._check})
        self.context = open_worker(settings, database, self.hands, guardrails=guardrails)

    @property
    def database(self) -> Database:
        return self.context.database

    @property
    def releasing(self) -> Releasing:
        return self.context.releasing

    def guarded_by(self, guardrails: Guardrails) -> None:
        """As after a restart with these guardrails."""
        self.context = replace(self.context, guardrails=guardrails)

    def prepare(self, release: str) -> None:
        """Find out what is released, plan it, and take its first stage on its way."""
        prepare_release(self.context, release)

    def prepare_in_vain(self, release: str) -> None:
        """As ``prepare``, of a job that has no model."""

        def refuse(_context: Context) -> Done:
            raise Refused("The job has no output 'model'.", code="output_missing")

        with self._acting(f"{release}::resolve_content", refuse):
            self.prepare(release)

    def dry_run(self, run: str) -> None:
        carry_out_dry_run(self.context, run)

    def carry_out(self, release: str, stage: str, *, outputs: Mapping[str, Json] | None = None) -> None:
        """As when its turn in the queue has come. ``outputs``: what steps give, by key."""
        for key, output in (outputs or {}).items():
            self.hands.acts[f"{release}:{stage}:{key}"] = lambda _, given=output: Done("Done.", given)  # type: ignore[misc] # bound now
        carry_out_rollout(self.context, f"{release}:{stage}")

    def complete(self, release: str, stage: str, *, outputs: Mapping[str, Json] | None = None) -> None:
        """As ``carry_out``, to its good end."""
        self.carry_out(release, stage, outputs=outputs)
        assert self.status_of(release, stage) is Status.SUCCEEDED

    def fail(self, release: str, stage: str, *, at: str = "create_endpoint", error: Exception | None = None) -> None:
        """As ``carry_out``, to a step that does not get through."""

        def break_off(_context: Context) -> Done:
            raise error or Refused("Not this one.", code="refused")

        with self._acting(f"{release}:{stage}:{at}", break_off):
            self.carry_out(release, stage)
        assert self.status_of(release, stage) is Status.FAILED

    @contextmanager
    def under_way(
        self, release: str, stage: str, *, at: str = "register_model", looks: bool = True
    ) -> Iterator["UnderWay"]:
        """A rollout in a thread of its own, of which one step alone runs: until the test lets it go on, or the end of the ``with``.

        ``looks``: at what was asked of the release meanwhile, as a step does that waits for Azure.
        """
        held = _HeldStep(looks=looks)
        rollout = f"{release}:{stage}"
        with self._acting(f"{rollout}:{at}", held), ThreadPoolExecutor(1) as pool:
            carried_out = pool.submit(carry_out_rollout, self.context, rollout)
            try:
                wait_until(
                    lambda: carried_out.done() or self._running(rollout) == [at], what=f"{at} of {rollout} runs alone"
                )
                assert not carried_out.done(), f"{rollout} is {self.status_of(release, stage)}"
                yield UnderWay(held, carried_out)
            finally:
                held.goes_on.set()
            carried_out.result(PATIENCE_SECONDS)

    def look(self, release: str, stage: str, *, now: datetime | None = None) -> None:
        """At what waits for its time, or for people, when that time has come."""
        with Work(self.releasing, SERVICE, now=now).transaction() as work:
            do_what_is_due(work, f"{release}:{stage}")

    def status_of(self, release: str, stage: str) -> Status:
        with self.database.read() as session:
            return get_rollout(session, release, stage).status

    def _running(self, rollout: str) -> list[str]:
        with self.database.read() as session:
            return [each.key for each in steps_of(session, rollout) if each.status is StepStatus.RUNNING]

    @contextmanager
    def _acting(self, where: str, act: Act) -> Iterator[None]:
        self.hands.acts[where] = act
        try:
            yield
        finally:
            del self.hands.acts[where]

    def _resolve(self, _context: Context) -> Done:
        return Done("Resolved.", self.content)

    def _check(self, _context: Context) -> Done:
        return Done("Looked at.", {"checks": self.checks})


@dataclass(frozen=True)
class UnderWay:
    """A rollout that waits in one of its steps."""

    _held: "_HeldStep"
    _carried_out: "Future[Status]"

    def report(self, sentence: str) -> None:
        """What the step is doing."""
        assert self._held.context is not None, "the step has begun"
        self._held.context.report(sentence)

    def finish(self) -> Status:
        """Let the step end well, and all that comes after it; what the rollout is then."""
        self._held.goes_on.set()
        return self.end()

    def refuse(self, sentence: str = "Not this one.") -> Status:
        """Let the step fail; what the rollout is then."""
        self._held.refusal = Refused(sentence, code="refused")
        return self.finish()

    def end(self) -> Status:
        """Wait until it has come as far as it comes, with the step stopped by what somebody asked; what the rollout is then."""
        return self._carried_out.result(PATIENCE_SECONDS)


class _HeldStep:
    """A step that waits as one that polls Azure does: at each look it may be stopped."""

    def __init__(self, *, looks: bool) -> None:
        self.looks = looks
        self.goes_on = threading.Event()
        self.refusal: Refused | None = None
        self.context: Context | None = None

    def __call__(self, context: Context) -> Done:
        self.context = context
        while not self.goes_on.wait(LOOK_SECONDS):
            if self.looks:
                context.checkpoint()
        if self.refusal is not None:
            raise self.refusal
        return Done("Done at last.")


def content_of(release: str) -> Json:
    """What a training job gave; other bytes for each release."""
    return {
        "source": {"kind": "job", "job": "job-1"},
        "model_uri": "azureml://jobs/job-1/outputs/model/paths/",
        "model_digest": f"sha256:{release}",
        "model_files": 1,
        "model_bytes": 7,
        "registered": None,
        "environment": {"name": "env", "version": "3", "digest": "sha256:e", "id": "azureml:env:3"},
        "code_digest": "sha256:c",
        "deployment": {"instance_type": "Standard_E2s_v3", "instance_count": 1},
        "endpoint": {},
        "metrics": {},
        "data": [],
        "signed_by": None,
        "git_commit": None,
        "git_author": None,
    }
