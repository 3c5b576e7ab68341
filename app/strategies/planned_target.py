"""What a plan says of a stage's target."""

from app.definitions.schema import StageDefinition
from app.planning.plan import PlannedTarget


def planned_target(stage: StageDefinition, subscription: str) -> PlannedTarget:
    """``subscription``: where the stage names none."""
    place = stage.place(subscription).model_dump()
    return PlannedTarget(**place, endpoint=stage.endpoint, registry=stage.registry, key_vault=stage.key_vault)
