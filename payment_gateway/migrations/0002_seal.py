"""Keys that are closed with what they hold, because the merchant settled it otherwise."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("charges", sa.Column("sealed_at", sa.DateTime(timezone=True)))
    op.create_check_constraint("closed_or_sealed", "charges", "closed_at IS NULL OR sealed_at IS NULL")
