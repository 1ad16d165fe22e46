"""Orders with their events, the mirror of the catalogue, repairs, approvals, and what the reconciler finds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.migrations.tables import create_outbox
from shared.participant.migrations import create_call_tables

revision = "0001"
down_revision = None

# An audit trail is worth only as much as it can't be changed afterwards, not even by this service's own mistake.
_KEEP_REPAIR = """
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
# Whoever ends an approval (a person, time, a cancel, a recovery) does it by the state in the order's row, so that here
# is the one place that sees them all.
_END_OF_APPROVAL = """
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
_KEEP_APPROVAL = """
CREATE FUNCTION keep_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an approval is kept as it ended' USING ERRCODE = 'check_violation';
END $$
"""
_KEEP_RETURN = """
CREATE FUNCTION keep_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a return is kept as it was recorded' USING ERRCODE = 'check_violation';
END $$
"""
_STATES = "'waiting', 'approved', 'rejected', 'expired', 'cancelled', 'dropped'"


def upgrade() -> None:
    create_call_tables()
    create_outbox("order_service")
    _create_orders()
    _create_catalogue()
    _create_repairs()
    _create_returns()
    _create_approvals()
    _create_reconciler()


def _create_orders() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("customer", JSONB, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("placed", JSONB, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("tracking_number", sa.Text),
        sa.Column("timeline", JSONB, nullable=False),
        sa.Column("timeline_version", sa.Integer, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("money_at_risk_cents", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("start_due_at", moment, nullable=False),
        sa.Column("cancel_requested_at", moment),
        sa.Column("cancel_sent_at", moment),
        sa.Column("accepted_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", moment),
        sa.Column("deadline_at", moment),
        sa.Column("stuck", JSONB, nullable=False, server_default="[]"),
        sa.Column("attention_since", moment),
        sa.Column("taken_over_at", moment),
        sa.Column("recovery_due_at", moment),
        sa.Column("checked_at", moment),
        sa.Column("purge_due_at", moment),
        sa.Column("purged_at", moment),
        sa.Column("start_error", sa.Text),
        sa.Column("instance_id", sa.Text),
        sa.Column("recoveries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("events", sa.Integer, nullable=False, server_default="0"),
        sa.Column("parked_version", sa.Integer),
        sa.Column("approval_state", sa.Text),
        sa.Column("approval_by", sa.Text),
        sa.Column("approval_reason", sa.Text),
        sa.Column("approval_since", moment),
        sa.Column("approval_due_at", moment),
        sa.Column("approval_nudge_at", moment),
        sa.Column("held", JSONB),
        sa.Column("returned_cents", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("returned_cents BETWEEN 0 AND total_cents", name="no_more_is_returned_than_charged"),
        sa.Column("cancel_due_at", moment),
        sa.CheckConstraint("total_cents > 0", name="total_is_positive"),
        sa.CheckConstraint(
            "status IN ('accepted', 'in_progress', 'completed', 'compensated', 'cancelled', 'needs_attention')",
            name="status_is_known",
        ),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('completed', 'compensated', 'cancelled'))", name="ended_has_a_time"
        ),
        sa.CheckConstraint(f"approval_state IN ({_STATES})", name="approval_state_is_known"),
    )
    _index_orders()


def _index_orders() -> None:
    partial: dict[str, tuple[list[str], str]] = {
        "orders_to_start": (["start_due_at"], "status = 'accepted'"),
        "orders_to_cancel": (["cancel_requested_at"], "cancel_requested_at IS NOT NULL AND cancel_sent_at IS NULL"),
        "orders_needing_attention": (["attention_since", "order_id"], "status = 'needs_attention'"),
        "orders_waiting_for_approval": (["approval_since", "order_id"], "approval_state = 'waiting'"),
        "orders_to_nudge": (["approval_nudge_at"], "approval_nudge_at IS NOT NULL"),
        "orders_ended_undone": (["ended_at", "order_id"], "status IN ('compensated', 'cancelled')"),
        "orders_to_look_at_for_purge": (
            ["ended_at"],
            "purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL",
        ),
        "orders_to_purge_again": (["purge_due_at"], "purged_at IS NULL AND purge_due_at IS NOT NULL"),
    }
    for name, (columns, where) in partial.items():
        op.create_index(name, "orders", columns, postgresql_where=sa.text(where))
    op.create_index(
        "orders_to_check",
        "orders",
        [sa.text("checked_at NULLS FIRST")],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    newest_first = [sa.text("accepted_at DESC"), sa.text("order_id DESC")]
    op.create_index("orders_newest_first", "orders", newest_first)
    op.create_index("orders_by_status", "orders", ["status", *newest_first])
    op.create_index("orders_of_customer", "orders", [sa.text("(customer ->> 'user_id')"), "accepted_at"])


def _create_catalogue() -> None:
    op.create_table(
        "catalogue",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("catalogue_revision", "catalogue", ["revision"])


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
    op.execute(_KEEP_REPAIR)
    _keep("repairs", "keep_repair")


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
    op.execute(_END_OF_APPROVAL)
    op.execute(
        "CREATE TRIGGER end_of_approval AFTER UPDATE OF approval_state ON orders FOR EACH ROW "
        "WHEN (OLD.approval_state IS NOT NULL AND NEW.approval_state IS DISTINCT FROM OLD.approval_state) "
        "EXECUTE FUNCTION keep_end_of_approval()"
    )
    op.execute(_KEEP_APPROVAL)
    _keep("approvals", "keep_approval")


def _create_returns() -> None:
    op.create_table(
        "returns",
        sa.Column("return_id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("kind IN ('refund', 'chargeback', 'return')", name="kind_is_known"),
        sa.CheckConstraint("amount_cents > 0", name="something_is_returned"),
    )
    op.create_index("returns_of_order", "returns", ["order_id", "recorded_at"])
    op.execute(_KEEP_RETURN)
    _keep("returns", "keep_return")


def _keep(table: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
    op.execute(
        f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


def _create_reconciler() -> None:
    moment = sa.DateTime(timezone=True)
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
        sa.Column("audit_begun_at", moment),
        sa.Column("audited_at", moment),
        sa.Column("audit_skipped", sa.Text),
        sa.CheckConstraint("only_row", name="there_is_one_row"),
    )
    op.bulk_insert(state, [{"only_row": True}])
    op.create_table(
        "audit_cursors",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
