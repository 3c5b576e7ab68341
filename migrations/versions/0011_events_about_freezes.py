"""events about freezes: an index of the few events that say which freezes there are."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ABOUT_FREEZES = "kind IN ('freeze.created', 'freeze.deleted')"


def upgrade() -> None:
    where = sa.text(ABOUT_FREEZES)
    op.create_index("ix_event_about_freezes", "event", ["seq"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_event_about_freezes", table_name="event")
