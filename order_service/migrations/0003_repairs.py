"""The repair desk: what waits for a person, and what persons decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# An audit trail is worth only as much as it can't be changed afterwards, not even by this service's own mistake.
_KEEP = """
CREATE FUNCTION keep_repair() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.applied_at IS NULL
        AND (NEW.repair_id, NEW.order_id, NEW.idempotency_key, NEW.request_hash, NEW.step, NEW.decision,
             NEW.decided_by, NEW.note, NEW.requested_at)
          = (OLD.repair_id, OLD.order_id, OLD.idempotency_key, OLD.request_hash, OLD.step, OLD.decision,
             OLD.decided_by, OLD.note, OLD.requested_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a repair is kept as it was decided and as it ended' USING ERRCODE = 'check_violation';
END $$
"""


def upgrade() -> None:
    op.add_column("orders", sa.Column("stuck", JSONB, nullable=False, server_default="[]"))
    op.add_column("orders", sa.Column("attention_since", sa.DateTime(timezone=True)))
    op.create_index(
        "orders_needing_attention",
        "orders",
        ["attention_since", "order_id"],
        postgresql_where=sa.text("status = 'needs_attention'"),
    )
    _create_repairs()
    op.execute(_KEEP)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON repairs FOR EACH ROW EXECUTE FUNCTION keep_repair()",
    )
    op.execute(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON repairs FOR EACH STATEMENT EXECUTE FUNCTION keep_repair()",
    )


def _create_repairs() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "repairs",
        sa.Column("repair_id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("requested_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("sent_at", moment),
        sa.Column("applied_at", moment),
        sa.CheckConstraint("decision IN ('retry', 'skip', 'settle')", name="decision_is_known"),
        sa.CheckConstraint("decision = 'retry' OR note <> ''", name="closing_by_hand_has_a_reason"),
        sa.CheckConstraint("status IN ('requested', 'sent', 'applied')", name="status_is_known"),
        sa.CheckConstraint(
            "outcome IN ('undone', 'settled', 'written_off', 'still_stuck', 'not_needed')", name="outcome_is_known"
        ),
        sa.CheckConstraint(
            "(status = 'applied') = (applied_at IS NOT NULL AND outcome IS NOT NULL AND detail IS NOT NULL)",
            name="applied_has_its_end",
        ),
    )
    op.create_index("repairs_of_order", "repairs", ["order_id", "requested_at"])
    op.create_index("repairs_due", "repairs", ["due_at"], postgresql_where=sa.text("applied_at IS NULL"))
    op.create_index(
        "one_open_decision_per_step",
        "repairs",
        ["order_id", "step"],
        unique=True,
        postgresql_where=sa.text("applied_at IS NULL"),
    )
