"""What the content of a release comes from, in request bodies."""

from typing import Annotated

from pydantic import Field, model_validator

from app.api.bodies import Body, Name
from app.planning.sources import MODEL_VERSION, JobSource, ModelSource, ReleaseSource

SOURCES = ("job", "model_version", "from_release")

ModelVersionUri = Annotated[str, Field(max_length=600, pattern=MODEL_VERSION)]


class OneSource(Body):
    """Exactly one of the three is to be given."""

    job: Name | None = Field(
        default=None, description="the training job whose output is released", examples=["careful_fox_4zk1"]
    )
    model_version: ModelVersionUri | None = Field(
        default=None,
        description="a registered model: `azureml:NAME:VERSION` in the workspace of the first stage, or "
        "`azureml://registries/REGISTRY/models/NAME/versions/VERSION`",
    )
    from_release: Name | None = Field(default=None, description="an earlier release of the model, for its content")

    @model_validator(mode="after")
    def _has_one_source(self) -> "OneSource":
        if sum(getattr(self, each) is not None for each in SOURCES) != 1:
            raise ValueError(f"exactly one of {', '.join(SOURCES)} must be given")
        return self

    @property
    def source(self) -> JobSource | ModelSource | ReleaseSource:
        if self.job is not None:
            return JobSource(job=self.job)
        if self.model_version is not None:
            return ModelSource(uri=self.model_version)
        assert self.from_release is not None, "one of them is given"
        return ReleaseSource(release=self.from_release)
