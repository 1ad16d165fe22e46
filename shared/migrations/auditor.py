"""What the auditor may read of the other services' tables: what its questions need, and nothing else.

Its questions are the rules of conservation, the reconciler's strays and the meter of `shop chaos`. The order-service,
which anybody can reach, knows its password: so no card's token, no address and no customer is among these.
"""

from collections.abc import Mapping
from typing import Final

_STEPS: Final = ("saga_id", "step", "state", "updated_at", "repeats")
_BY_HAND: Final = ("saga_id", "step", "repair_id", "status", "amount", "unit", "decided_by", "note", "closed_at")

READABLE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "order_service": {
        "orders": (
            "order_id",
            "status",
            "reason",
            "lines",
            "total_cents",
            "money_at_risk_cents",
            "approval_state",
            "accepted_at",
            "ended_at",
        ),
        "approvals": ("order_id", "outcome"),
        "repairs": ("repair_id", "order_id", "step", "decision", "outcome"),
    },
    "inventory_service": {
        "stock": ("sku", "available"),
        "stock_receipts": ("sku", "quantity"),
        "reservations": ("reservation_id", "saga_id", "step", "status", "created_at", "lease_until"),
        "reservation_lines": ("reservation_id", "sku", "quantity"),
        "saga_steps": _STEPS,
        "hand_closings": _BY_HAND,
    },
    "payment_service": {
        "ledger_entries": ("transaction_id", "saga_id", "step", "kind", "account", "amount_cents", "currency"),
        "saga_steps": _STEPS,
        "hand_closings": _BY_HAND,
    },
    "shipping_service": {
        "shipments": ("shipment_id", "saga_id", "step", "tracking_number", "status", "booked_at"),
        "saga_steps": _STEPS,
        "hand_closings": _BY_HAND,
    },
    "payment_gateway": {"charges": ("idempotency_key", "reference", "captured_cents", "refunded_cents", "created_at")},
}
"""By schema and table: the columns."""

_COLUMNS: Final = ", ".join(
    f"('{schema}', '{table}', '{column}')"
    for schema, tables in READABLE.items()
    for table, columns in tables.items()
    for column in columns
)

ADMIT_AUDITOR: Final = f"""
    DO $$
    DECLARE
        here text := current_schema();
        auditor text := regexp_replace(current_user, current_schema() || '$', 'auditor');
        readable record;
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = auditor AND rolname <> current_user) THEN
            RETURN;
        END IF;
        -- Former releases let it read whatever was there and would be.
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE ALL ON TABLES FROM %I', here, auditor);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', here, auditor);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', here, auditor);
        FOR readable IN
            SELECT table_name, string_agg(quote_ident(column_name), ', ') AS columns
            FROM information_schema.columns
            WHERE table_schema = here AND (table_schema, table_name, column_name) IN (VALUES {_COLUMNS})
            GROUP BY table_name
        LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, auditor);
            EXECUTE format('GRANT SELECT (%s) ON %I.%I TO %I', readable.columns, here, readable.table_name, auditor);
        END LOOP;
    END $$
"""  # noqa: S608 - constants of this module
"""Gives the auditor these rights, and no others, on the tables that are there; run by the schema's owner in its schema.

The auditor's role is named as the owner, with `auditor` in place of the schema's name. With other names of roles, grant
the same by hand.
"""
