"""The fence, payments, the ledger, and their events."""

import sqlalchemy as sa
from alembic import op

from shared.migrations.tables import create_outbox
from shared.participant.migrations import create_call_tables, create_fence, create_hand_closings

revision = "0001"
down_revision = None

# The functions keep the schema they were made in: whoever writes, with whatever search path, is checked.
_BALANCE = """
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT sum(amount_cents) <> 0 OR count(DISTINCT currency) <> 1
        FROM ledger_entries WHERE transaction_id = NEW.transaction_id) THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', NEW.transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
_APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$
"""


def upgrade() -> None:
    """Create the tables; the database itself keeps the ledger balanced and append-only."""
    create_fence()
    create_call_tables()
    create_hand_closings()
    create_outbox("payment_service")
    _create_payments()
    _create_ledger()


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.Text, primary_key=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("saga_id", "step"),
        sa.CheckConstraint(
            "status IN ('pending', 'captured', 'refused', 'refunded', 'voided', 'settled', 'written_off')",
            name="status_is_known",
        ),
        sa.CheckConstraint("status <> 'captured' OR charge_id IS NOT NULL", name="captured_names_its_charge"),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("entry_number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("transaction_id", sa.Text, nullable=False, index=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.UniqueConstraint("saga_id", "step", "kind", "account"),
        sa.CheckConstraint("kind IN ('charge', 'refund', 'settlement', 'write_off')", name="kind_is_known"),
        sa.CheckConstraint(
            "account IN ('gateway_clearing', 'customer_orders', 'settled_by_hand', 'written_off')",
            name="account_is_known",
        ),
        sa.CheckConstraint("amount_cents <> 0", name="amount_is_not_zero"),
    )
    op.execute(_BALANCE)
    op.execute(
        "CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_entries "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_balance()"
    )
    op.execute(_APPEND_ONLY)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
