"""The reconciler takes open orders in the order of its index; its audit goes on where it came to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("orders_open", "orders")
    op.create_index(
        "orders_open", "orders", [sa.text("checked_at NULLS FIRST")], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "orders_ended_undone",
        "orders",
        ["ended_at", "order_id"],
        postgresql_where=sa.text("status IN ('compensated', 'cancelled')"),
    )
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
