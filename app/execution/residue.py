"""What a rollout that did not get through leaves in Azure, read from there: what people are told, and what is on record."""

import time
from dataclasses import dataclass

import structlog
from sqlmodel import Session

from app.azureml.deployments import get_deployment
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import AzureMLError
from app.azureml.types import Deployment, Endpoint
from app.execution.context import WorkerContext
from app.planning.kinds import CreateDeployment, MirrorTraffic, RestoreTraffic, ShiftTraffic
from app.planning.observed import Observed
from app.planning.places import Place, Target
from app.releases.queries import steps_of
from app.releases.states import StepStatus
from app.releases.tables import Rollout, StoredPlan
from app.steps.observing import traffic_in_force

_MOVES = ShiftTraffic | MirrorTraffic | RestoreTraffic

SETTLE_SECONDS = 300.0  # that moving traffic takes at most

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Residue:
    """Where to look, and whether there is a reason to."""

    workspace: Place
    endpoint: str
    deployment: str | None
    had_begun: bool  # the deployment, at least
    broken: bool  # a step did not get through: its own sentence is what people need


@dataclass(frozen=True)
class Left:
    """What was found. ``observed`` None: what is on record stays."""

    sentence: str = ""
    observed: Observed | None = None


def read_residue(session: Session, rollout_id: str) -> Residue | None:
    """None where a step did not get through, and the traffic is as the steps before it have read it back."""
    rollout, steps = session.get_one(Rollout, rollout_id), steps_of(session, rollout_id)
    plan = session.get_one(StoredPlan, rollout.plan_digest).read()
    touching = {step.key for step in plan.steps if isinstance(step.config, CreateDeployment | _MOVES)}
    moving = {step.key for step in plan.steps if isinstance(step.config, _MOVES)}
    broken = {step.key for step in steps if step.status in {StepStatus.FAILED, StepStatus.ERRORED}}
    if broken and not broken & moving:
        return None
    target = Target.parse(rollout.target)
    return Residue(
        workspace=target.place,
        endpoint=target.endpoint,
        deployment=rollout.deployment,
        had_begun=any(step.key in touching and step.attempts for step in steps),
        broken=bool(broken),
    )


def look_at_residue(worker: WorkerContext, residue: Residue) -> Left:
    """Nothing is deleted: the deployment may be wanted by a retry, and without traffic it harms nobody.

    Traffic that was being moved when the rollout was ended may have moved all the same.
    """
    if not residue.had_begun or residue.deployment is None:
        return Left(f"{residue.endpoint} was not touched, or was left to what it served before.")
    try:
        endpoint = _settled_endpoint(worker, residue)
        deployment = get_deployment(worker.azure, residue.workspace, residue.endpoint, residue.deployment)
    except AzureMLError as error:
        log.warning("residue_unknown", endpoint=residue.endpoint, code=error.code, error=str(error))
        return Left(
            "" if residue.broken else f"Azure ML could not be asked for remaining deployments: {error.sentence}"
        )
    observed = None if endpoint is None else traffic_in_force(endpoint)
    return Left("" if residue.broken else _say(residue, endpoint, deployment), observed)


def _say(residue: Residue, endpoint: Endpoint | None, deployment: Deployment | None) -> str:
    if deployment is None or endpoint is None:
        return f"No deployment is left at {residue.endpoint}."
    name = residue.deployment or ""
    share = endpoint.traffic.get(name, 0)
    if share:
        return f"{name} ({deployment.state}) was left with {share}% of the traffic of {residue.endpoint}."
    mirrored = endpoint.mirror_traffic.get(name, 0)
    traffic = f"with {mirrored}% of its mirror traffic" if mirrored else "without traffic"
    return f"{name} ({deployment.state}) was left at {residue.endpoint} {traffic}."


def _settled_endpoint(worker: WorkerContext, residue: Residue) -> Endpoint | None:
    """Once its traffic does not move any more, or as it is when that takes too long."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        worker.signals.require_going_on()
        seen = get_endpoint(worker.azure, residue.workspace, residue.endpoint)
        if seen is None or seen.is_settled or time.monotonic() > until:
            return seen
        worker.signals.pause_for(worker.azure.settings.poll_seconds)
