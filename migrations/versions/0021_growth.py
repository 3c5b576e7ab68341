"""indexes by which lists, filters and polls read as much at 100,000 releases as at a few."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NEW = (
    ("ix_release_model_created", "release", ["model", "created_at", "id"]),
    ("ix_release_status_created", "release", ["status", "created_at", "id"]),
    ("ix_release_model_status_created", "release", ["model", "status", "created_at", "id"]),
    ("ix_release_job_created", "release", ["job", "created_at", "id"]),
    ("ix_rollout_status", "rollout", ["status"]),
    ("ix_event_model_seq", "event", ["model", "seq"]),
    ("ix_training_job_name", "training_job", ["name"]),
    ("ix_training_job_model_id", "training_job", ["model", "id"]),
    ("ix_delivery_status", "delivery", ["status", "id"]),
    ("ix_delivery_recipient_status", "delivery", ["recipient", "status", "id"]),
    ("ix_traffic_share_target_id", "traffic_share", ["target", "id"]),
)
OF_FEW_ROWS = (
    ("ix_step_run_running", "step_run", ["started_at"], "status = 'running'"),
    ("ix_event_about_definitions", "event", ["model"], "kind = 'model.applied'"),
    ("ix_event_about_lost_workers", "event", ["seq"], "kind = 'worker.lost'"),
)
# The new ones begin with what these have.
OLD = (
    ("ix_release_model_status", "release", ["model", "status"]),
    ("ix_event_model", "event", ["model"]),
    ("ix_training_job_model", "training_job", ["model"]),
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
