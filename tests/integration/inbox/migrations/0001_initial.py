"""The inbox, and a table of effects."""

import sqlalchemy as sa
from alembic import op

from shared.migrations.tables import create_inbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_inbox()
    op.create_table(
        "effects",
        sa.Column("effect_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
