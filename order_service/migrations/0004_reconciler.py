"""What the reconciler finds, who recovers an order, and when its workflows are purged."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    for name in ("taken_over_at", "recovery_due_at", "checked_at", "purge_due_at", "purged_at"):
        op.add_column("orders", sa.Column(name, moment))
    op.add_column("orders", sa.Column("start_error", sa.Text))
    op.add_column("orders", sa.Column("instance_id", sa.Text))
    op.add_column("orders", sa.Column("recoveries", sa.Integer, nullable=False, server_default="0"))
    op.create_index("orders_open", "orders", ["checked_at"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index(
        "orders_to_purge",
        "orders",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL AND purged_at IS NULL"),
    )
    op.create_table(
        "findings",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False, server_default=""),
        sa.Column("first_seen_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("last_seen_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("resolved_at", moment),
    )
    op.create_index("findings_resolved", "findings", ["resolved_at"])
    state = op.create_table(
        "reconciler",
        sa.Column("only_row", sa.Boolean, primary_key=True),
        sa.Column("swept_at", moment),
        sa.Column("skipped", sa.Text),
        sa.CheckConstraint("only_row", name="there_is_one_row"),
    )
    op.bulk_insert(state, [{"only_row": True}])
