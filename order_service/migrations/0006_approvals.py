"""Risky orders wait for a person: where each stands, and how it ended."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Whoever ends an approval (a person, time, a cancel, a recovery) does it by the state in the order's row, so that here
# is the one place that sees them all.
_ENDED = """
CREATE FUNCTION keep_end_of_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.approval_state <> 'waiting' THEN
        RAISE EXCEPTION 'an approval ends once' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO approvals
        (order_id, outcome, decided_by, reason, why, score, model_version, threshold, waiting_since)
    VALUES (NEW.order_id, NEW.approval_state, NEW.approval_by, NEW.approval_reason, NEW.held ->> 'why',
        (NEW.held ->> 'score')::float, NEW.held ->> 'model_version', (NEW.held ->> 'threshold')::float,
        NEW.approval_since);
    RETURN NULL;
END $$
"""
_KEEP = """
CREATE FUNCTION keep_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an approval is kept as it ended' USING ERRCODE = 'check_violation';
END $$
"""
_STATES = "'waiting', 'approved', 'rejected', 'expired', 'cancelled', 'dropped'"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    for name in ("approval_state", "approval_by", "approval_reason"):
        op.add_column("orders", sa.Column(name, sa.Text))
    for name in ("approval_since", "approval_due_at", "approval_nudge_at"):
        op.add_column("orders", sa.Column(name, moment))
    op.add_column("orders", sa.Column("held", JSONB))
    op.create_check_constraint("approval_state_is_known", "orders", f"approval_state IN ({_STATES})")
    op.create_index(
        "orders_waiting_for_approval",
        "orders",
        ["approval_since", "order_id"],
        postgresql_where=sa.text("approval_state = 'waiting'"),
    )
    op.create_index(
        "orders_to_nudge",
        "orders",
        ["approval_nudge_at"],
        postgresql_where=sa.text("approval_nudge_at IS NOT NULL"),
    )
    op.create_index("orders_of_customer", "orders", [sa.text("(customer ->> 'user_id')"), "accepted_at"])
    _create_approvals()
    op.execute(_ENDED)
    op.execute(
        "CREATE TRIGGER end_of_approval AFTER UPDATE OF approval_state ON orders FOR EACH ROW "
        "WHEN (OLD.approval_state IS NOT NULL AND NEW.approval_state IS DISTINCT FROM OLD.approval_state) "
        "EXECUTE FUNCTION keep_end_of_approval()"
    )
    op.execute(_KEEP)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION keep_approval()",
    )
    op.execute(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION keep_approval()",
    )


def _create_approvals() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "approvals",
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), primary_key=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("model_version", sa.Text),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("waiting_since", moment, nullable=False),
        sa.Column("decided_at", moment, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "outcome IN ('approved', 'rejected', 'expired', 'cancelled', 'dropped')", name="outcome_is_known"
        ),
        sa.CheckConstraint(
            "(outcome IN ('approved', 'rejected')) = (decided_by IS NOT NULL)", name="a_person_decides_with_a_name"
        ),
        sa.CheckConstraint("outcome <> 'rejected' OR reason <> ''", name="a_rejection_has_a_reason"),
    )
