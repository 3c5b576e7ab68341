"""What an interrupted rollout leaves in Azure, as one sentence, read from Azure."""

import time
from dataclasses import dataclass

from sqlmodel import Session

from app.azureml.deployments import get_deployment
from app.azureml.endpoints import get_endpoint
from app.azureml.errors import AzureMLError
from app.azureml.types import Endpoint
from app.execution.context import WorkerContext
from app.planning.kinds import CreateDeployment
from app.planning.places import Place, Target
from app.releases.queries import steps_of
from app.releases.states import StepStatus
from app.releases.tables import Rollout, StoredPlan

SETTLE_SECONDS = 300.0  # that moving traffic takes at most


@dataclass(frozen=True)
class Residue:
    """Where to look, and whether there is a reason to."""

    workspace: Place
    endpoint: str
    deployment: str | None
    had_begun: bool  # the deployment, at least


def read_residue(session: Session, rollout_id: str) -> Residue | None:
    """None where a step did not get through: then its own sentence is what people need."""
    rollout, steps = session.get_one(Rollout, rollout_id), steps_of(session, rollout_id)
    if any(step.status in {StepStatus.FAILED, StepStatus.ERRORED} for step in steps):
        return None
    plan = session.get_one(StoredPlan, rollout.plan_digest).read()
    making = {step.key for step in plan.steps if isinstance(step.config, CreateDeployment)}
    target = Target.parse(rollout.target)
    return Residue(
        workspace=target.place,
        endpoint=target.endpoint,
        deployment=rollout.deployment,
        had_begun=any(step.key in making and step.attempts for step in steps),
    )


def say_residue(worker: WorkerContext, left: Residue) -> str:
    """Nothing is deleted: the deployment may be wanted by a retry, and without traffic it harms nobody."""
    if not left.had_begun or left.deployment is None:
        return f"{left.endpoint} was not touched, or was left to what it served before."
    try:
        endpoint = _settled_endpoint(worker, left)
        deployment = get_deployment(worker.azure, left.workspace, left.endpoint, left.deployment)
    except AzureMLError as error:
        return f"Azure ML could not be asked for remaining deployments: {error.sentence}"
    if deployment is None or endpoint is None:
        return f"No deployment is left at {left.endpoint}."
    share = endpoint.traffic.get(left.deployment, 0)
    if share:
        return f"{left.deployment} ({deployment.state}) was left with {share}% of the traffic of {left.endpoint}."
    mirrored = endpoint.mirror_traffic.get(left.deployment, 0)
    traffic = f"with {mirrored}% of its mirror traffic" if mirrored else "without traffic"
    return f"{left.deployment} ({deployment.state}) was left at {left.endpoint} {traffic}."


def _settled_endpoint(worker: WorkerContext, left: Residue) -> Endpoint | None:
    """Once its traffic does not move any more, or as it is when that takes too long."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        worker.signals.require_going_on()
        seen = get_endpoint(worker.azure, left.workspace, left.endpoint)
        if seen is None or seen.is_settled or time.monotonic() > until:
            return seen
        worker.signals.pause_for(worker.azure.settings.poll_seconds)
