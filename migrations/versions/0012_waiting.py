"""waiting: a step that says "not yet" is remembered, and what happens to a rollout by itself has a time."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("step_run", sa.Column("memory", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=True))
    op.add_column("step_run", sa.Column("wait_until", MOMENT, nullable=True))
    op.add_column("rollout", sa.Column("due_at", MOMENT, nullable=True))
    op.add_column("rollout", sa.Column("paused_at", MOMENT, nullable=True))
    op.create_index("ix_rollout_due_at", "rollout", ["due_at"])
    # What waits for people or for the end of a freeze is looked at once: that says when it is due.
    rollout = sa.table("rollout", sa.column("status", sa.String), sa.column("due_at", MOMENT))
    waits = rollout.c.status.in_(["pending_approval", "scheduled"])
    op.execute(sa.update(rollout).where(waits).values(due_at=datetime.now(UTC)))


def downgrade() -> None:
    op.drop_index("ix_rollout_due_at", table_name="rollout")
    for name in ("paused_at", "due_at"):
        op.drop_column("rollout", name)
    for name in ("wait_until", "memory"):
        op.drop_column("step_run", name)
