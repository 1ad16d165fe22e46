"""No saga has two booked parcels, whatever its steps are called."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index(
        "one_booked_parcel", "shipments", ["saga_id"], unique=True, postgresql_where=sa.text("status = 'booked'")
    )
