"""Why something is to be moved at a target."""

from enum import StrEnum


class Purpose(StrEnum):
    """Each is a release with a plan, approvals and events of its own."""

    RELEASE = "release"  # new content goes through the stages
    ROLLBACK = "rollback"  # one stage goes back to what served there before
    REVERT = "revert"  # one stage is brought back to what is on record
    ADOPTION = "adoption"  # what is at a target is put on record as it is

    @property
    def goes_back(self) -> bool:
        """Whether a stage gets again what it has served: the way out of trouble, which no freeze and no hold keeps out."""
        return self in {Purpose.ROLLBACK, Purpose.REVERT}
