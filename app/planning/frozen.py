"""The base of what is planned: plain data of a known shape that nobody changes."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Takes no fields but its own; its JSON is what is stored, shown and approved."""

    model_config = ConfigDict(frozen=True, extra="forbid")
