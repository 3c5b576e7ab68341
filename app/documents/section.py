"""The base of what people write: a mapping of a known shape."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping that takes no keys but its own, and does not change once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
