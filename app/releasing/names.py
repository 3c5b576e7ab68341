"""Names of queues and workflows that the API and the workers share. They are stored in the database: renaming one strands queued work."""

import secrets

ROLLOUTS = "rollouts"  # partitioned by target: one rollout at a time moves it
TASKS = "tasks"  # preparing releases and dry runs: short and independent

MOVE_TARGET = "move_target"
SWEEP_TARGET = "sweep_target"
PREPARE_RELEASE = "prepare_release"
PLAN_DRY_RUN = "plan_dry_run"

ENGINE_NAME = "mlrelease"
# Of what a workflow reads and leaves half-way. Raised only when another version could not go on from there: docs/decisions/0005.
ENGINE_VERSION = "1"


_MARK_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_mark() -> str:
    """A few random characters that keep the Azure names of a new release apart from another installation's."""
    return "".join(secrets.choice(_MARK_ALPHABET) for _ in range(4))


def preparation_of(release_id: str) -> str:
    """What the workflows that prepare a release are about."""
    return f"{release_id}:prepare"


def sweep_of(target: str) -> str:
    """What the workflows that look for idle deployments at a target are about: they drive no rollout."""
    return f"{target}:sweep"


def new_workflow_id(about: str) -> str:
    """The id of one more workflow about a target, a preparation or a dry run."""
    return f"{about}:{secrets.token_hex(8)}"


def about_of(workflow_id: str) -> str:
    """What a workflow is about."""
    return workflow_id.rpartition(":")[0]
