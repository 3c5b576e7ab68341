"""What the steps' configs are made of. Each step's own config stands in its module."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.azureml.types import WorkspaceRef
from app.errors import Invalid, Mistake

Config = TypeVar("Config", bound="StepConfig")

RELEASE_TAG = "mlrelease.release"
MODEL_TAG = "mlrelease.model"
DIGEST_TAG = "mlrelease.digest"
JOB_TAG = "mlrelease.job"


class StepConfig(BaseModel):
    """Plain JSON with a known shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkspaceConfig(StepConfig):
    """Where a workspace is."""

    subscription: str
    resource_group: str
    workspace: str

    @property
    def ref(self) -> WorkspaceRef:
        return WorkspaceRef(self.subscription, self.resource_group, self.workspace)


def read_config(shape: type[Config], config: dict[str, Any]) -> Config:
    """The config as its step's own type. Raises Invalid: then the plan is not what this step knows."""
    try:
        return shape.model_validate(config)
    except ValidationError as wrong:
        mistakes = [Mistake(message=error["msg"], field=".".join(map(str, error["loc"]))) for error in wrong.errors()]
        raise Invalid(
            f"The step's config is wrong: {'; '.join(map(str, mistakes))}.", mistakes=mistakes, code="config_invalid"
        ) from None
