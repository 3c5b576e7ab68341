"""drift: in what each target differs from what is on record of it, and when that is looked up; rollouts that make no deployment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("target") as target:
        target.add_column(sa.Column("drift", JSON, nullable=False, server_default="[]"))
        for name in ("drifted_at", "scanned_at", "next_scan_at"):
            target.add_column(sa.Column(name, MOMENT, nullable=True))
        target.add_column(sa.Column("scan_problem", sa.String(), nullable=True))
        target.create_index("ix_target_next_scan_at", ["next_scan_at"])
    with op.batch_alter_table("target") as target:
        target.alter_column("drift", existing_type=JSON, existing_nullable=False, server_default=None)
    with op.batch_alter_table("rollout") as rollout:
        rollout.alter_column("deployment", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    op.execute(sa.text("UPDATE rollout SET deployment = '' WHERE deployment IS NULL"))
    with op.batch_alter_table("rollout") as rollout:
        rollout.alter_column("deployment", existing_type=sa.String(), nullable=False)
    with op.batch_alter_table("target") as target:
        target.drop_index("ix_target_next_scan_at")
        for name in ("scan_problem", "next_scan_at", "scanned_at", "drifted_at", "drift"):
            target.drop_column(name)
