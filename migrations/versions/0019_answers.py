"""answers: what a person said to a step that waits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("step_run") as step:
        step.add_column(sa.Column("answer", JSON, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("step_run") as step:
        step.drop_column("answer")
