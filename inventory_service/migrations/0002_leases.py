"""Reservations are leases: an active one ends by itself, unless its order was completed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("reservations", sa.Column("lease_until", sa.DateTime(timezone=True)))
    # What is there already is asked about soon, by which time its order has ended or been extended.
    op.execute("UPDATE reservations SET lease_until = now() + interval '1 hour' WHERE status = 'active'")
    op.create_check_constraint("released_has_no_lease", "reservations", "status = 'active' OR lease_until IS NULL")
    op.create_index(
        "leases_by_end", "reservations", ["lease_until"], postgresql_where=sa.text("lease_until IS NOT NULL")
    )
