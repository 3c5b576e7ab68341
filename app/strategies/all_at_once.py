"""The strategy all-at-once: what was verified gets all of the traffic. Pure."""

from app.planning.kinds import ShiftTraffic
from app.planning.plan import PlannedTraffic
from app.planning.steps import PlannedStep
from app.strategies.moving import Moving, Verified


def all_at_once(verified: Verified) -> Moving:
    """One change of the traffic."""
    shift = ShiftTraffic(workspace=verified.place, endpoint=verified.endpoint, deployment=verified.deployment)
    return Moving(
        steps=(PlannedStep.of(shift, needs=(verified.after, verified.made_by)),),
        shares=(PlannedTraffic(deployment=verified.deployment, percent=100, after=verified.after),),
    )
