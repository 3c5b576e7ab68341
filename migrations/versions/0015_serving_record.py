"""serving record: which deployments are at a target, and which had which share of its traffic, from when to when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "target",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("endpoint", JSON, nullable=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_index("ix_target_model_stage", "target", ["model", "stage"])
    op.create_table(
        "deployed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
    )
    here = sa.text("until IS NULL")
    op.create_index(
        "ix_deployed_open", "deployed", ["target", "name"], unique=True, sqlite_where=here, postgresql_where=here
    )
    op.create_index("ix_deployed_release", "deployed", ["release_id"])
    op.create_table(
        "traffic_share",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("model_version", sa.String(), nullable=True),
        sa.Column("model_digest", sa.String(), nullable=True),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("mirror", sa.Integer(), nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("to_at", MOMENT, nullable=True),
        sa.Column("from_event", sa.Integer(), nullable=True),
        sa.Column("to_event", sa.Integer(), nullable=True),
    )
    now = sa.text("to_at IS NULL")
    op.create_index(
        "ix_traffic_share_open",
        "traffic_share",
        ["target", "deployment"],
        unique=True,
        sqlite_where=now,
        postgresql_where=now,
    )
    op.create_index("ix_traffic_share_target_from", "traffic_share", ["target", "from_at"])
    op.create_index("ix_traffic_share_release", "traffic_share", ["release_id"])


def downgrade() -> None:
    for name in ("traffic_share", "deployed", "target"):
        op.drop_table(name)
