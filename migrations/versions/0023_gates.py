"""gates: pipelines of others that are held until a release serves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(none_as_null=True), "postgresql")
OPEN = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "gate",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("system", sa.String(40), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("git_commit", sa.String(), nullable=False),
        sa.Column("callback", JSON, nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_gate_created_at", "gate", ["created_at"])
    op.create_index("ix_gate_waiting", "gate", ["model"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_table("gate")
