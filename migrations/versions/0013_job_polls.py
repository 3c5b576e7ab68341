"""job polls: when Azure ML is asked about a training job next, and who asks now, in place of workflows of the engine."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("training_job", sa.Column("next_poll_at", MOMENT, nullable=True))
    op.add_column("training_job", sa.Column("poller", sa.String(), nullable=True))
    op.create_index("ix_training_job_next_poll_at", "training_job", ["next_poll_at"])
    job = sa.table("training_job", sa.column("is_final", sa.Boolean), sa.column("next_poll_at", MOMENT))
    op.execute(sa.update(job).where(sa.not_(job.c.is_final)).values(next_poll_at=datetime.now(UTC)))
    op.drop_column("training_job", "looks")


def downgrade() -> None:
    op.add_column("training_job", sa.Column("looks", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_training_job_next_poll_at", table_name="training_job")
    for name in ("poller", "next_poll_at"):
        op.drop_column("training_job", name)
