"""steps read from plans: a step run keeps its state only, what it does stands in the rollout's plan."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DROPPED = ("kind", "needs", "config", "timeout_seconds")


def upgrade() -> None:
    with op.batch_alter_table("step_run") as step_run:
        for column in _DROPPED:
            step_run.drop_column(column)


def downgrade() -> None:
    with op.batch_alter_table("step_run") as step_run:
        step_run.add_column(sa.Column("kind", sa.String(), nullable=False, server_default=""))
        step_run.add_column(sa.Column("needs", sa.JSON(), nullable=False, server_default="[]"))
        step_run.add_column(sa.Column("config", sa.JSON(), nullable=False, server_default="{}"))
        step_run.add_column(sa.Column("timeout_seconds", sa.Float(), nullable=False, server_default="0"))
