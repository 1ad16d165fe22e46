"""The order's deadline, and the count of injected faults: this service's own activities can fail on purpose too."""

import sqlalchemy as sa
from alembic import op

from shared.participant.migrations import create_fault_hits

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("deadline_at", sa.DateTime(timezone=True)))
    create_fault_hits()
