"""sources of releases: a release need not come from a training job, and has a purpose."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(none_as_null=True), "postgresql")
RELEASE = sa.table(
    "release",
    sa.column("id", sa.String),
    sa.column("job", sa.String),
    sa.column("source", JSON),
    sa.column("content", JSON),
)


def upgrade() -> None:
    op.add_column("release", sa.Column("source", JSON, nullable=True))
    op.add_column("release", sa.Column("purpose", sa.String(40), nullable=False, server_default="release"))
    connection = op.get_bind()
    for id_, job, content in connection.execute(sa.select(RELEASE.c.id, RELEASE.c.job, RELEASE.c.content)).all():
        source = {"kind": "job", "job": job}
        changed: dict[str, Any] = {"source": source}
        if content is not None:
            changed["content"] = {**{key: value for key, value in content.items() if key != "job"}, "source": source}
        connection.execute(sa.update(RELEASE).where(RELEASE.c.id == id_).values(**changed))
    with op.batch_alter_table("release") as release:
        release.alter_column("source", existing_type=JSON, nullable=False)
        release.alter_column("purpose", existing_type=sa.String(40), existing_nullable=False, server_default=None)
        release.alter_column("job", existing_type=sa.String(), nullable=True)
        release.alter_column("job_id", existing_type=sa.Integer(), nullable=True)
    op.execute(sa.text("DELETE FROM dry_run"))  # they are kept for a day, and anybody can make a new one
    with op.batch_alter_table("dry_run") as dry_run:
        dry_run.drop_column("job")


def downgrade() -> None:
    with op.batch_alter_table("dry_run") as dry_run:
        dry_run.add_column(sa.Column("job", sa.String(), nullable=False, server_default=""))
    connection = op.get_bind()
    for id_, job, content in connection.execute(sa.select(RELEASE.c.id, RELEASE.c.job, RELEASE.c.content)).all():
        if content is not None:
            former = {**{key: value for key, value in content.items() if key != "source"}, "job": job}
            connection.execute(sa.update(RELEASE).where(RELEASE.c.id == id_).values(content=former))
    with op.batch_alter_table("release") as release:
        release.drop_column("purpose")
        release.drop_column("source")
        release.alter_column("job", existing_type=sa.String(), nullable=False)
        release.alter_column("job_id", existing_type=sa.Integer(), nullable=False)
