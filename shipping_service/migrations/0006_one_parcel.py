"""No saga has two booked parcels, whatever its steps are called."""

from shared.migrations.indexes import create_index

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_index("one_booked_parcel", "shipments", ["saga_id"], "status = 'booked'", unique=True)
