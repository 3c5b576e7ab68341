"""The states that drive the machine, and which may follow which."""

from collections.abc import Mapping, Set
from enum import StrEnum


class Status(StrEnum):
    """Of a release and of a rollout."""

    PENDING = "pending"
    PENDING_APPROVAL = "pending_approval"
    APPROVAL_REJECTED = "approval_rejected"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self in FINAL

    @property
    def is_waiting(self) -> bool:
        """Nothing has been touched in Azure yet."""
        return self in WAITING


FINAL = frozenset(
    {
        Status.APPROVAL_REJECTED,
        Status.SUCCEEDED,
        Status.FAILED,
        Status.ROLLED_BACK,
        Status.CANCELLED,
        Status.SUPERSEDED,
        Status.EXPIRED,
    }
)
# Rollouts that a workflow of the engine carries out, and those that something may happen to at a certain time.
DRIVEN = frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.CANCELLING, Status.ROLLING_BACK})
UNDER_WAY = DRIVEN - {Status.QUEUED}  # these have begun to change their target
TIMED = frozenset({Status.SCHEDULED, Status.PENDING_APPROVAL})
WAITING = frozenset({Status.PENDING, Status.PENDING_APPROVAL, Status.SCHEDULED, Status.QUEUED})

_ENDS_OF_WAITING = frozenset({Status.CANCELLED, Status.SUPERSEDED, Status.EXPIRED, Status.FAILED})
_WAITING_AGAIN = frozenset({Status.PENDING_APPROVAL, Status.SCHEDULED, Status.QUEUED})

ROLLOUT_MAY_FOLLOW: Mapping[Status, Set[Status]] = {
    Status.PENDING: _WAITING_AGAIN | _ENDS_OF_WAITING,
    # With each vote that does not decide yet, something else is missing; a freeze may come to end earlier or later.
    Status.PENDING_APPROVAL: _WAITING_AGAIN | _ENDS_OF_WAITING | {Status.APPROVAL_REJECTED, Status.CANCELLING},
    Status.SCHEDULED: _WAITING_AGAIN | _ENDS_OF_WAITING | {Status.CANCELLING},
    # What waits to go on midway, and is cancelled then, goes back first.
    Status.QUEUED: {
        Status.IN_PROGRESS,
        Status.PAUSED,
        Status.CANCELLING,
        Status.PENDING_APPROVAL,
        Status.SCHEDULED,
        *_ENDS_OF_WAITING,
    },
    Status.IN_PROGRESS: {
        Status.IN_PROGRESS,  # it asks a person, or goes on after an answer
        Status.PAUSED,
        Status.SUCCEEDED,
        Status.FAILED,
        Status.ROLLING_BACK,
        Status.CANCELLING,
        Status.CANCELLED,
    },
    Status.PAUSED: _WAITING_AGAIN | _ENDS_OF_WAITING | {Status.CANCELLING},
    # What somebody asked to cancel may fail on the way to its safe point.
    Status.CANCELLING: {Status.CANCELLED, Status.SUCCEEDED, Status.FAILED, Status.ROLLING_BACK},
    Status.ROLLING_BACK: {Status.ROLLED_BACK, Status.CANCELLED, Status.FAILED},
    # A retry goes on from the step that failed; what was cancelled must be approved anew.
    Status.FAILED: _WAITING_AGAIN,
    Status.CANCELLED: _WAITING_AGAIN,
    Status.SUCCEEDED: frozenset(),
    Status.ROLLED_BACK: frozenset(),
    Status.APPROVAL_REJECTED: frozenset(),
    Status.SUPERSEDED: frozenset(),
    Status.EXPIRED: frozenset(),
}

# A release follows the first of its rollouts that has not succeeded: from one stage's end to whatever the next one begins with.
RELEASE_MAY_FOLLOW: Mapping[Status, Set[Status]] = {
    **ROLLOUT_MAY_FOLLOW,
    Status.IN_PROGRESS: ROLLOUT_MAY_FOLLOW[Status.IN_PROGRESS] | _WAITING_AGAIN | {Status.SUPERSEDED},
    # Where it could not be prepared, it is prepared anew.
    Status.FAILED: ROLLOUT_MAY_FOLLOW[Status.FAILED] | {Status.PENDING},
}


class Control(StrEnum):
    """What people asked of a release that is under way."""

    CANCEL = "cancel"
    ABORT = "abort"  # go back to what served before
    PAUSE = "pause"


ENDS = frozenset({Control.CANCEL, Control.ABORT})  # either ends it


ASKING = frozenset({"inconclusive", "no_data"})  # codes of a rollout whose step asks a person


class DryRunState(StrEnum):
    """Of a plan that nobody has asked to be carried out."""

    PENDING = "pending"
    PASSED = "passed"  # no check failed
    FAILED = "failed"


class StepStatus(StrEnum):
    """Of a step run. ``failed``: the business says no. ``errored``: technical."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"  # begun, and nothing is done until a certain time
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in {StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING}


STEP_MAY_FOLLOW: Mapping[StepStatus, Set[StepStatus]] = {
    StepStatus.PENDING: {StepStatus.RUNNING, StepStatus.SKIPPED, StepStatus.CANCELLED},
    # A killed attempt is taken up again: running follows running. A paused one waits as if it had not begun.
    StepStatus.RUNNING: {
        StepStatus.PENDING,
        StepStatus.RUNNING,
        StepStatus.WAITING,
        StepStatus.SUCCEEDED,
        StepStatus.FAILED,
        StepStatus.ERRORED,
        StepStatus.CANCELLED,
    },
    StepStatus.WAITING: {StepStatus.RUNNING, StepStatus.CANCELLED},
    StepStatus.SUCCEEDED: set(),
    StepStatus.FAILED: {StepStatus.PENDING},
    StepStatus.ERRORED: {StepStatus.PENDING},
    StepStatus.SKIPPED: {StepStatus.PENDING},
    StepStatus.CANCELLED: {StepStatus.PENDING},
}
