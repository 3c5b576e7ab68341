"""indexes by which what served at a target is found, however much has served there and however many events there are."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

NEW = (
    ("ix_rollout_target_status_finished", "rollout", ["target", "status", "finished_at", "id"]),
    ("ix_rollout_target_deployment", "rollout", ["target", "deployment"]),
    ("ix_traffic_share_target_to", "traffic_share", ["target", "to_at"]),
    ("ix_traffic_share_release_target", "traffic_share", ["release_id", "target", "id"]),
    ("ix_api_token_created", "api_token", ["created_at", "id"]),
)
OF_FEW_ROWS = (
    ("ix_traffic_share_mirror", "traffic_share", ["target", "from_at"], "mirror > 0"),
    ("ix_release_going_back", "release", ["model"], "purpose IN ('rollback', 'revert')"),
    ("ix_evidence_kept", "evidence", ["expires_at"], "text IS NOT NULL"),
)
# The new ones begin with what these have, or hold fewer rows.
OLD = (
    ("ix_rollout_target_status", "rollout", ["target", "status"]),
    ("ix_traffic_share_release", "traffic_share", ["release_id"]),
    ("ix_evidence_expires_at", "evidence", ["expires_at"]),
)


def upgrade() -> None:
    for name, table, _ in OLD:
        op.drop_index(name, table_name=table)
    for name, table, columns in NEW:
        op.create_index(name, table, columns)
    for name, table, columns, rows in OF_FEW_ROWS:
        op.create_index(name, table, columns, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))


def downgrade() -> None:
    for name, table, *_ in (*NEW, *OF_FEW_ROWS):
        op.drop_index(name, table_name=table)
    for name, table, columns in OLD:
        op.create_index(name, table, columns)
