"""The base of request bodies."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator

# Names and digests of ours and Azure's are shorter; what is longer is no name.
Name = Annotated[str, Field(min_length=1, max_length=255)]


def _can_be_compared(moment: datetime) -> datetime:
    if not 1 < moment.year < 9999:  # in another time zone it might be no year of the calendar's
        raise ValueError("must be within the years 2 to 9998")
    return moment


# With its time zone.
Moment = Annotated[AwareDatetime, AfterValidator(_can_be_compared)]


class Body(BaseModel):
    """A request's body. Unknown keys are refused: ignoring one would do something else than was meant."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("contains a NUL character")
        return value
