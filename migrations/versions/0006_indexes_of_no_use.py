"""indexes that no query uses: each change of a release and each new step run had to be written into them."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_release_revision", table_name="release")
    op.drop_index("ix_step_run_rollout_id", table_name="step_run")  # the unique one over rollout and key begins with it


def downgrade() -> None:
    op.create_index("ix_step_run_rollout_id", "step_run", ["rollout_id"])
    op.create_index("ix_release_revision", "release", ["revision"])
