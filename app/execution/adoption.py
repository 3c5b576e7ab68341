"""Looking at an endpoint that is to be adopted, and planning that: for the release, and for a dry run of it."""

from dataclasses import dataclass

from sqlmodel import Session

from app.azureml.errors import Busy
from app.definitions.schema import StageDefinition
from app.execution.context import WorkerContext
from app.execution.resolve_and_preflight import OnRetry, Subject, carry_out_look
from app.execution.signals import ReleaseSignals
from app.planning.checks import Check
from app.planning.drift import Difference
from app.planning.places import Target
from app.planning.plan import Plan
from app.planning.sources import EndpointSource
from app.planning.tags import MODEL_TAG
from app.releasing.guarding import guarded
from app.serving.drift import differences
from app.serving.scans import left_at, recorded_at
from app.serving.tables import StoredTarget
from app.steps.contract import Context, Refused
from app.steps.read_target import Found
from app.strategies.adoption import AdoptionFacts, plan_adoption


@dataclass(frozen=True)
class Adoption:
    """What was found. The refusal and the plan depend on the record too, as it is when they are asked for."""

    worker: WorkerContext
    subject: Subject
    stage: StageDefinition
    target: Target
    source: EndpointSource
    found: Found

    def refusal(self, session: Session) -> Refused | None:
        """Why it cannot be adopted, as things are; None: it can."""
        try:
            self._require_adoptable(session)
        except Refused as no:
            return no
        return None

    def check(self, refusal: Refused | None) -> Check:
        """As the checks of other releases are kept and shown."""
        at: dict[str, str] = {"stage": self.stage.name, "check": "endpoint"}
        if refusal is not None:
            said = {"code": refusal.code, "sentence": refusal.sentence, "hint": refusal.hint}
            return Check.model_validate({**at, **said, "outcome": "failed"})
        names = ", ".join(each.name for each in self.found.observed.deployments) or "no deployment"
        sentence = f"{self.stage.endpoint} exists, with {names}."
        return Check.model_validate({**at, "outcome": "passed", "code": "passed", "sentence": sentence})

    def plan(self, session: Session, *, release: str) -> Plan:
        """With who must approve it as things are. It comes in place of nothing: what serves goes on serving."""
        row = session.get(StoredTarget, str(self.target))
        recorded = None if row is None else recorded_at(session, row)
        facts = AdoptionFacts(
            release=release,
            definition_version=self.subject.version.version,
            definition_digest=self.subject.version.bundle_digest,
            subscription=self.worker.settings.subscription,
            found=self.found.observed,
            recorded=recorded,
            differences=self._differences(session, row),
        )
        return guarded(session, self.worker.guardrails, plan_adoption(self.subject.definition, self.stage, facts))

    def _require_adoptable(self, session: Session) -> None:
        model, name = self.subject.definition.model.name, self.stage.endpoint
        endpoint = self.found.observed.endpoint
        if endpoint is None:
            raise Refused(
                f"There is no endpoint {name} in {self.target.place}.",
                code="endpoint_not_found",
                hint="Correct endpoint, workspace or resource_group in release.yml. An endpoint that is not there needs no "
                "adoption: a release makes it.",
            )
        row = session.get(StoredTarget, str(self.target))
        # The tag counts: an endpoint that has another one by now was handed over, or was made anew by somebody else.
        owner = endpoint.tags.get(MODEL_TAG) or (model if row is None else row.model)
        if owner != model:
            raise Refused(
                f"Endpoint {name} belongs to model {owner}.",
                code="not_ours",
                hint=f"If {owner} has given it up, set the endpoint's tag {MODEL_TAG} to {model} in Azure. Else choose another "
                "endpoint name in release.yml.",
            )
        if row is not None and not self._differences(session, row):
            raise Refused(f"Endpoint {name} is on record as it is: there is nothing to adopt.", code="nothing_to_adopt")
        if self.source.digest is not None and self.source.digest != self.found.observed.digest:
            raise Refused(
                f"Endpoint {name} is not as it was when it was looked at.",
                code="target_changed",
                hint="Look at it again, and adopt it as it is now.",
            )

    def _differences(self, session: Session, row: StoredTarget | None) -> tuple[Difference, ...]:
        if row is None:
            return ()
        found = self.found.observed
        return differences(recorded_at(session, row), found, planned=left_at(session, row.id, found))


def look_for_adoption(
    worker: WorkerContext, subject: Subject, source: EndpointSource, *, signals: ReleaseSignals, on_retry: OnRetry
) -> Adoption:
    """Read everything at the stage's endpoint. Raises Interrupted, or AzureMLError when Azure does not answer."""
    (name,) = subject.stages
    stage = subject.definition.stage(name)
    target = stage.target(worker.settings.subscription)

    def read(_context: Context) -> Found:
        found = worker.lookups.read_target(target, None)
        if found.changing is not None:
            raise Busy(f"{found.changing[0].upper()}{found.changing[1:]}.")
        return found

    return Adoption(
        worker,
        subject,
        stage,
        target,
        source,
        carry_out_look(worker, subject, read, signals=signals, on_retry=on_retry),
    )
