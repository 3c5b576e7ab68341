"""policies: plans that people approve, votes of several people, freezes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON().with_variant(JSONB(), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "freeze",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("starts", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("recurs", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_by", sa.String(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_freeze_model", "freeze", ["model"])
    _plan_what_is_there()
    # Column by column and not in a batch: over SQLite that would drop the table, to which steps refer.
    op.add_column("rollout", sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("rollout", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rollout", sa.Column("emergency", sa.Boolean(), nullable=False, server_default=sa.false()))
    _new_decisions(
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("groups", JSON, nullable=False),
        sa.UniqueConstraint("rollout_id", "round", "person", "emergency"),
        into="rollout_id, round, approve, emergency, actor, person, groups",
        taken="rollout_id, 0, approve, false, actor, lower(actor), '[]'",
        once="rollout_id, lower(actor)",
    )


def downgrade() -> None:
    _new_decisions(
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.UniqueConstraint("rollout_id", "attempt", "actor"),
        into="rollout_id, attempt, approve, actor",
        taken="rollout_id, round, approve, actor",
        once="rollout_id, round, actor",
    )
    for column in ("emergency", "asked_at", "round"):
        op.drop_column("rollout", column)
    op.drop_table("freeze")
    op.drop_table("plan")


def _plan_what_is_there() -> None:
    """Older rollouts keep their digest. Their plan is not known any more: one that still waits is asked for anew when it begins."""
    connection = op.get_bind()
    plan = sa.table("plan", sa.column("digest", sa.String()), sa.column("document", JSON))
    policy = {"count": 1, "groups": [], "self_approval": True, "never": [], "comment": "optional"}
    rows = connection.execute(
        sa.text(
            "SELECT plan_digest, stage, max(needs_approval) FROM (SELECT plan_digest, stage, "
            "CASE WHEN needs_approval THEN 1 ELSE 0 END AS needs_approval FROM rollout) AS known GROUP BY plan_digest, stage"
        )
    )
    documents = {
        digest: {"stage": stage, "approval": policy if needs_approval else None, "replaces": None}
        for digest, stage, needs_approval in rows
    }
    for digest, document in documents.items():
        connection.execute(plan.insert().values(digest=digest, document=document))


def _new_decisions(*columns: sa.Column[object] | sa.UniqueConstraint, into: str, taken: str, once: str) -> None:
    """The table anew, with what was in it; of two that are one now, the first."""
    op.rename_table("decision", "decision_before")
    op.drop_index("ix_decision_rollout_id", table_name="decision_before")
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.String(), nullable=False),
        *columns,
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("plan_digest", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        f"INSERT INTO decision ({into}, via, reason, plan_digest, at) "  # noqa: S608 - words of ours
        f"SELECT {taken}, via, reason, plan_digest, at FROM decision_before "
        f"WHERE id IN (SELECT min(id) FROM decision_before GROUP BY {once}) ORDER BY id"
    )
    op.drop_table("decision_before")
    op.create_index("ix_decision_rollout_id", "decision", ["rollout_id"])
