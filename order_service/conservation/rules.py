"""The rules of conservation: each is a query for what breaks it, over the services' own tables and the gateway's books.

An order that has ended must add up exactly; one that is still open may hold at most one charge, one reservation and one
parcel. What a person closed by hand (`accounts.py`) is explained to the cent and unit, never excused. `subject` is the
order or SKU, `detail` what was seen.
"""

from typing import Final

from sqlalchemy import text

from order_service.conservation.accounts import BY_HAND, OF_ACCOUNTS
from shared.contracts.app import Rule
from shared.shop.registry import SHOP
from shared.shop.task import TASK_PROCESSING, TaskStatus

ENDED_UNDONE: Final = "('compensated', 'cancelled')"

_HELD: Final = """
    SELECT r.saga_id, l.sku, sum(l.quantity) AS units
    FROM inventory_service.reservations r JOIN inventory_service.reservation_lines l USING (reservation_id)
    WHERE r.status = 'active'
      AND EXISTS (SELECT FROM order_service.orders o WHERE o.order_id = r.saga_id AND o.status = 'completed')
    GROUP BY r.saga_id, l.sku
"""
_ORDERED: Final = """
    SELECT o.order_id AS saga_id, w.sku, w.units
    FROM order_service.orders o CROSS JOIN LATERAL (
        SELECT l ->> 'sku' AS sku, sum((l ->> 'quantity')::bigint) AS units
        FROM jsonb_array_elements(o.lines) l GROUP BY l ->> 'sku'
    ) w
    WHERE o.status = 'completed'
"""

_STEPS: Final = " UNION ALL ".join(
    f"SELECT saga_id FROM {app.package}.saga_steps"  # noqa: S608 - names of the registry
    for app in SHOP.participants
)

STOCK: Final = (
    Rule(
        "completed_order_has_its_units",
        "A completed order holds exactly the units of its lines.",
        f"""
        SELECT saga_id AS subject,
               sku || ': ' || coalesce(h.units, 0) || ' reserved, ' || coalesce(w.units, 0) || ' ordered' AS detail
        FROM ({_ORDERED}) w FULL JOIN ({_HELD}) h USING (saga_id, sku)
        WHERE coalesce(h.units, 0) <> coalesce(w.units, 0)
        """,  # noqa: S608 - constants of this module
    ),
    Rule(
        "undone_order_holds_no_units",
        "An undone order holds nothing.",
        f"""
        SELECT r.saga_id AS subject, l.quantity || ' of ' || l.sku || ' still reserved' AS detail
        FROM inventory_service.reservations r JOIN order_service.orders o ON o.order_id = r.saga_id
        JOIN inventory_service.reservation_lines l USING (reservation_id)
        WHERE r.status = 'active' AND o.status IN {ENDED_UNDONE}
        """,  # noqa: S608 - constants of this module
    ),
)

APPROVALS: Final = (
    Rule(
        "held_order_was_approved",
        "An order that was held for a person's approval is completed only with it, and no waiting one has an effect.",
        f"""
        SELECT o.order_id AS subject, 'it is ' || o.status || ', but its approval is ' || o.approval_state AS detail
        FROM order_service.orders o LEFT JOIN order_service.approvals a USING (order_id)
        WHERE o.status = 'completed' AND o.approval_state IS NOT NULL AND a.outcome IS DISTINCT FROM 'approved'
        UNION ALL
        SELECT o.order_id, 'it waits for approval, but has ' || count(*) || ' steps at its participants'
        FROM order_service.orders o
        JOIN (
            {_STEPS}
        ) s ON s.saga_id = o.order_id
        WHERE o.approval_state = 'waiting' GROUP BY o.order_id
        """,  # noqa: S608 - constants of this module
    ),
)

ALONE: Final[tuple[Rule, ...]] = (
    *(rule for app in SHOP.participants for rule in app.rules),
    *STOCK,
    *APPROVALS,
    *BY_HAND,
)
RULES: Final = OF_ACCOUNTS + ALONE

READABLE: Final = text("""
    SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relname = :table AND nspname = ANY(:schemas) AND has_any_column_privilege(pg_class.oid, 'SELECT')
""")
"""The schemas that have this table: a part of the stack that was never started has none."""


def packed_within(seconds: float) -> Rule:
    """The rule where tasks are installed. A failed task is said by the reconciler (`task_failed`)."""
    return Rule(
        "completed_order_is_packed",
        f"Every order that was completed more than {seconds:g} s ago is packed, or its task has failed with a finding.",
        f"""
        SELECT o.order_id AS subject, 'completed ' || (now() - o.ended_at)::interval(0) || ' ago, and '
               || coalesce('its task ' || t.task_id || ' is ' || t.status, 'it has no task') AS detail
        FROM order_service.orders o LEFT JOIN LATERAL (
            SELECT task_id, status FROM task_orchestrator_service.tasks
            WHERE order_id = o.order_id AND workflow = '{TASK_PROCESSING}'
            ORDER BY status IN ('{TaskStatus.COMPLETED}', '{TaskStatus.FAILED}') DESC LIMIT 1
        ) t ON true
        WHERE o.status = 'completed' AND o.ended_at < now() - interval '{seconds:f} seconds'
          AND (t.status IS NULL OR t.status NOT IN ('{TaskStatus.COMPLETED}', '{TaskStatus.FAILED}'))
        """,  # noqa: S608 - constants, and a number
    )


def _by_currency(amounts: str) -> str:
    """The sums of amounts (currency, amount) as JSON by currency."""
    return f"""(
        SELECT coalesce(jsonb_object_agg(currency, total), '{{}}') FROM (
            SELECT currency, sum(amount) AS total FROM ({amounts}) a GROUP BY currency HAVING sum(amount) <> 0
        ) t
    )"""  # noqa: S608 - constants of this module


def _closed(status: str) -> str:
    return f"SELECT unit AS currency, amount FROM payment_service.hand_closings WHERE status = '{status}'"  # noqa: S608


_COMPLETED: Final = "SELECT currency, total_cents AS amount FROM order_service.orders WHERE status = 'completed'"
_LEDGER: Final = (
    "SELECT currency, amount_cents AS amount FROM payment_service.ledger_entries WHERE account = 'gateway_clearing'"
)
_GATEWAY: Final = "SELECT currency, captured_cents - refunded_cents AS amount FROM payment_gateway.charges"

SUMS: Final = f"""
    SELECT
        (SELECT count(*) FROM order_service.orders) AS orders,
        (SELECT count(*) FROM order_service.orders WHERE ended_at IS NULL) AS orders_open,
        {_by_currency(_COMPLETED)} AS completed_cents,
        {_by_currency(_LEDGER)} AS ledger_cents,
        {_by_currency(_GATEWAY)} AS gateway_cents,
        (SELECT coalesce(sum(quantity), 0) FROM inventory_service.stock_receipts) AS units_received,
        (SELECT coalesce(sum(available), 0) FROM inventory_service.stock) AS units_available,
        (SELECT coalesce(sum(l.quantity), 0) FROM inventory_service.reservation_lines l
            JOIN inventory_service.reservations r USING (reservation_id) WHERE r.status = 'active') AS units_reserved,
        (SELECT count(*) FROM shipping_service.shipments WHERE status = 'booked') AS parcels_booked,
        {_by_currency("SELECT currency, amount_cents AS amount FROM order_service.returns")} AS returned_cents,
        {_by_currency(_closed("settled"))} AS settled_by_hand_cents,
        {_by_currency(_closed("written_off"))} AS written_off_cents,
        (SELECT coalesce(sum(amount), 0) FROM inventory_service.hand_closings WHERE status = 'settled')
            AS units_settled_by_hand,
        (SELECT coalesce(sum(amount), 0) FROM inventory_service.hand_closings WHERE status = 'written_off')
            AS units_written_off,
        (SELECT coalesce(sum(amount), 0) FROM shipping_service.hand_closings WHERE status = 'settled')
            AS parcels_settled_by_hand,
        (SELECT coalesce(sum(amount), 0) FROM shipping_service.hand_closings WHERE status = 'written_off')
            AS parcels_written_off
"""  # noqa: S608 - constants of this module

BY_STATUS: Final = "SELECT status, count(*) AS orders FROM order_service.orders GROUP BY status"

NEEDS_ATTENTION: Final = """
    SELECT order_id, status, reason, error, money_at_risk_cents FROM order_service.orders
    WHERE status = 'needs_attention' ORDER BY accepted_at LIMIT :limit
"""
