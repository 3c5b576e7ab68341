"""sweeps: when idle deployments of a target are next looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("target", sa.Column("next_sweep_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("target") as target:
        target.drop_column("next_sweep_at")
