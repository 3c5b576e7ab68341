"""What the bodies of requests have in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

# Names and digests of ours and Azure's are shorter; what is longer is no name.
Name = Annotated[str, Field(min_length=1, max_length=255)]


class Body(BaseModel):
    """A request's body. A key that is not known is a mistake: taken for absent, it would do something else than was meant."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("has a NUL character in it")
        return value
