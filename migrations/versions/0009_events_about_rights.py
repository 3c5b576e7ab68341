"""an index of the few events that say of a row that it counts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ABOUT_RIGHTS = "kind IN ('token.created', 'token.revoked', 'model.applied', 'session.opened')"


def upgrade() -> None:
    where = sa.text(ABOUT_RIGHTS)
    op.create_index("ix_event_about_rights", "event", ["subject"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_event_about_rights", table_name="event")
