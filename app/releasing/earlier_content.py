"""What an earlier release brought to a stage, as the event chain has it: its plan, its content, and the deployments that were made of it."""

from dataclasses import dataclass

from sqlmodel import Session

from app.planning.content import Content
from app.planning.ids import rollout_id_of, step_id_of
from app.planning.kinds import CreateDeployment
from app.planning.observed import DeploymentFacts
from app.planning.plan import Plan
from app.releases.attested import rollout_on_record
from app.releases.tables import Rollout
from app.releasing.on_record import plan_on_record
from app.serving.earlier import rollouts_with


@dataclass(frozen=True)
class Earlier:
    """``made``: the deployments, the newest first; whether they are still there only Azure knows."""

    plan: Plan
    content: Content
    made: tuple[DeploymentFacts, ...]


def read_earlier(session: Session, release_id: str, stage: str) -> Earlier:
    """Raises Conflict where the chain does not confirm the plan."""
    rollout_id = rollout_id_of(release_id, stage)
    plan = plan_on_record(session, rollout_id)
    content = Content.model_validate(rollout_on_record(session, rollout_id).content)
    brought = rollouts_with(session, str(plan.target.target), release_id)
    made = [each for rollout in brought for each in _made_by(session, rollout)]
    return Earlier(plan, content, tuple(made))


def _made_by(session: Session, rollout: Rollout) -> list[DeploymentFacts]:
    """One, or none where the rollout found a deployment that was there."""
    plan = plan_on_record(session, rollout.id)
    making = [each for each in plan.steps if isinstance(each.config, CreateDeployment)]
    ids = [step_id_of(rollout.id, each.key) for each in making]
    assert plan.deployment is not None, "what goes back, and what is gone back to, has one"
    outputs = rollout_on_record(session, rollout.id, steps=ids).outputs if ids else {}
    return [
        DeploymentFacts.of_output({**output, "deployment": plan.deployment.name, "release": rollout.release_id})
        for output in outputs.values()
    ]
