"""The reconciler's audit goes on where it came to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("reconciler", sa.Column("audit_begun_at", moment))
    op.add_column("reconciler", sa.Column("audited_at", moment))
    op.add_column("reconciler", sa.Column("audit_skipped", sa.Text))
    op.create_table(
        "audit_cursors",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
