"""A participant with one table of its own: the effects that the tests count."""

import sqlalchemy as sa
from alembic import op

from shared.participant.migrations import create_call_tables, create_fence

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_fence()
    create_call_tables()
    op.create_table(
        "effects",
        sa.Column("effect_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
    )
