"""What is stated of a deployment: put together from events, and from rows that events attest. Nothing is asked of Azure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

from sqlmodel import Session

from app.approvals.service import counting_decisions
from app.attestations.provenance import (
    ENVIRONMENT,
    Approval,
    BuildDefinition,
    Builder,
    Chain,
    Metadata,
    Predicate,
    ReleaseFacts,
    Resource,
    RunDetails,
    Serving,
    Share,
    Statement,
    files_digest_set,
)
from app.documents.json_object import Json
from app.errors import Conflict
from app.events.chain import Appended
from app.planning.content import Content
from app.planning.ids import needed_step, step_id_of
from app.planning.kinds import ConfirmServing, RegisterModel, ShareModel, VerifyDeployment
from app.planning.places import Place
from app.planning.plan import Plan
from app.planning.sources import (
    EndpointSource,
    FoundSource,
    JobSource,
    ModelSource,
    ReleaseSource,
    Source,
    read_source,
)
from app.releases.attested import OnRecord, events_on_record, rollout_on_record, row_digest
from app.releases.queries import plan_of
from app.releases.states import Status
from app.releases.tables import Rollout
from app.releasing.on_record import plan_on_record
from app.serving.service import TRAFFIC_CHANGED

# In what the plan that was approved may differ from the one that the rollout was made with: see ``plan_now``.
_RENEWED = ("replaces", "approval", "policy", "guardrails")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def statement_of(session: Session, rollout: Rollout, *, builder: str) -> Statement:
    """Of a rollout that succeeded. Raises Conflict where its rows are not what the event chain says."""
    plan = _plan_on_record(session, rollout)
    if plan.deployment is None or plan.model.digest is None:
        raise Conflict(
            f"What {rollout.id} is about was made by others: nothing is known of where it comes from.",
            code="nothing_released",
            hint="Ask for the provenance of a release.",
        )
    needs = {needed_step(need, rollout_id=rollout.id) for step in plan.steps for need in step.needs}
    own = {step.kind: step_id_of(rollout.id, step.key) for step in plan.steps}
    said = rollout_on_record(session, rollout.id, steps=needs | set(own.values()))
    if said.asked is None or said.content is None or said.last != f"rollout.{Status.SUCCEEDED}":
        raise _not_on_record(rollout)
    outputs = {kind: said.outputs.get(step, {}) for kind, step in own.items()}
    content, ended = Content.model_validate(said.content), said.moves[-1]
    return Statement(
        subject=tuple(_subjects(plan.model.name, plan.model.digest, said)),
        predicate=Predicate(
            build_definition=BuildDefinition(
                external_parameters={"model": plan.model.name, **said.asked.data},
                internal_parameters={"deployment": plan.deployment.model_dump(mode="json")},
                resolved_dependencies=tuple(_dependencies(plan, read_source(said.asked.data["source"]), content)),
            ),
            run_details=RunDetails(
                builder=Builder(id=builder),
                metadata=Metadata(invocation_id=rollout.id, started_on=said.moves[0].at, finished_on=ended.at),
            ),
            mlrelease_release=ReleaseFacts(
                release=rollout.release_id,
                stage=rollout.stage,
                plan=rollout.plan_digest,
                requested_by=said.asked.actor,
                requested_at=said.asked.at,
                approvals=tuple(_approvals(session, rollout)),
                golden=outputs.get(VerifyDeployment.kind),
                metrics=content.metrics,
                evidence=tuple(_logs(session, rollout, own.values())),
                chain=Chain(seq=ended.seq, hash=ended.hash),
                serving=_serving(
                    session, plan, plan.deployment.name, outputs.get(ConfirmServing.kind, {}), before=ended
                ),
            ),
        ),
    )


def _plan_on_record(session: Session, rollout: Rollout) -> Plan:
    """The plan that was approved and carried out."""
    made, approved = plan_on_record(session, rollout.id), plan_of(session, rollout).read()
    renewed = {field: getattr(approved, field) for field in _RENEWED}
    if made.model_copy(update=renewed) != approved:
        raise _not_on_record(rollout)
    return approved


def _not_on_record(rollout: Rollout) -> Conflict:
    return Conflict(
        f"The event chain does not confirm the rows of {rollout.id}: they were changed past the service.",
        code="rollout_not_on_record",
        hint="`mlrelease audit verify` shows what else was.",
    )


def _subjects(model: str, digest: str, said: OnRecord) -> Iterator[Resource]:
    """The model under every name by which it was found with this content: in the workspace, in the registry; else as it is deployed."""
    outputs = [output for output in said.outputs.values() if output.get("digest") == digest]
    names = {output.get("uri") or output.get("id") for output in outputs} - {None}
    for name in sorted(map(str, names or {output.get("model") for output in outputs} - {None})) or [model]:
        yield Resource(name=name, digest=files_digest_set(digest))


def _dependencies(plan: Plan, asked: Source, content: Content) -> Iterator[Resource]:
    """``asked``: what the request named."""
    if asked != content.source:  # what an earlier release had looked up
        yield _source(plan, asked)
    yield _source(plan, content.source)
    yield Resource(
        name="model",
        uri=content.model_uri,
        digest=files_digest_set(content.model_digest),
        annotations={"signedBy": content.signed_by} if content.signed_by else None,
    )
    if content.git_commit is not None:
        known = _COMMIT.fullmatch(content.git_commit) is not None
        yield Resource(
            name="training code",
            digest={"gitCommit": content.git_commit} if known else None,
            annotations={"author": content.git_author, **({} if known else {"commit": content.git_commit})},
        )
    for data in content.data:
        yield Resource(name=f"data: {data.name}", uri=data.uri)
    environment = content.environment
    yield Resource(
        name=f"environment: {environment.name}:{environment.version}",
        uri=environment.id,
        digest={ENVIRONMENT: environment.digest.removeprefix("sha256:")},
    )
    yield Resource(
        name=f"definition: version {plan.definition.version}", digest=files_digest_set(plan.definition.digest)
    )
    if plan.code is not None and plan.code.digest is not None:
        yield Resource(name="score code", digest=files_digest_set(plan.code.digest))


def _source(plan: Plan, source: Source) -> Resource:
    match source:
        case JobSource():
            place = _place_of_job(plan)
            # What reuses a deployment names no workspace of a job: the document of the release before does.
            uri = f"azureml:{place.arm_id}/jobs/{source.job}" if place else f"azureml://jobs/{source.job}"
        case ModelSource():
            uri = source.uri
        case ReleaseSource():
            uri = f"urn:mlrelease:release:{source.release}"  # which has a document of its own
        case FoundSource():
            uri = f"{_endpoint(plan)}/deployments/{source.deployment}"
        case EndpointSource():
            uri = _endpoint(plan)
        case _:
            assert_never(source)
    return Resource(name=source.label.lower(), uri=uri)


def _endpoint(plan: Plan) -> str:
    return f"azureml:{plan.target.place.arm_id}/onlineEndpoints/{plan.target.endpoint}"


def _place_of_job(plan: Plan) -> Place | None:
    """Where a stage registers the model, or shares it from."""
    configs = [step.config for step in plan.steps if isinstance(step.config, RegisterModel | ShareModel)]
    return configs[0].workspace if configs else None


def _approvals(session: Session, rollout: Rollout) -> Iterator[Approval]:
    for each in counting_decisions(session, rollout):
        yield Approval(
            person=each.actor,
            approve=each.approve,
            emergency=each.emergency,
            at=each.at,
            via=each.via,
            reason=each.reason,
            plan=each.plan_digest,
            digest=row_digest(each),
        )


def _logs(session: Session, rollout: Rollout, steps: Iterable[str]) -> Iterator[Json]:
    """Ids and digests of the logs of steps that failed before they succeeded."""
    failed = events_on_record(
        session, release_id=rollout.release_id, subjects=list(steps), kinds=("step.failed", "step.errored")
    )
    for event in failed:
        kept = (event.data["output"] or {}).get("log")
        if kept is not None:
            yield kept


def _serving(
    session: Session, plan: Plan, deployment: str, confirmed: Mapping[str, Any], *, before: Appended
) -> Serving:
    target = plan.target
    changes = [
        event
        for event in events_on_record(
            session, release_id=plan.release, subjects=[str(target.target)], kinds=[TRAFFIC_CHANGED]
        )
        if event.seq < before.seq
    ]
    live = [event for event in changes if any(_is_live(each, deployment) for each in event.data["after"])]
    after = changes[-1].data["after"] if changes else []
    return Serving(
        subscription=target.subscription,
        resource_group=target.resource_group,
        workspace=target.workspace,
        endpoint=target.endpoint,
        deployment=deployment,
        model=confirmed.get("model"),
        traffic=tuple(
            Share(
                deployment=each["deployment"], release=each["release_id"], weight=each["weight"], mirror=each["mirror"]
            )
            for each in after
        ),
        since=live[0].at if live else None,
        event=changes[-1].seq if changes else None,
    )


def _is_live(share: Mapping[str, Any], deployment: str) -> bool:
    return bool(share["weight"]) and share["deployment"] == deployment.lower()
