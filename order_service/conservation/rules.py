"""The rules of conservation: each is a query for what breaks it, over the services' own tables and the gateway's books.

An order that has ended must add up exactly; one that is still open may hold at most one charge, one reservation and one
parcel. What a person closed by hand (`by_hand.py`) is explained to the cent and unit, never excused. `subject` is the
order or SKU, `detail` what was seen.
"""

from typing import Final

from order_service.conservation.by_hand import BY_HAND, MONEY_BY_HAND
from order_service.conservation.rule import Rule

ENDED_UNDONE: Final = "('compensated', 'cancelled')"


_NOTHING: Final = "SELECT NULL AS saga_id, 0 AS kept WHERE false"


def _per_order(net: str, kept: str, by_hand: str = _NOTHING) -> str:
    """A completed order keeps `kept`, an undone one what was closed by hand; both queries give (saga_id, kept)."""
    expected = f"CASE o.status WHEN 'completed' THEN {kept} ELSE coalesce(h.kept, 0) END"
    return f"""
        SELECT o.order_id AS subject,
               o.status || ' but ' || coalesce(n.kept, 0) || ' instead of ' || {expected} AS detail
        FROM order_service.orders o LEFT JOIN ({net}) n ON n.saga_id = o.order_id
        LEFT JOIN ({by_hand}) h ON h.saga_id = o.order_id
        WHERE o.ended_at IS NOT NULL AND coalesce(n.kept, 0) <> {expected}
    """  # noqa: S608 - constants of this module


def _strangers(source: str) -> str:
    """Rows of a participant (saga_id, what) that no order stands behind."""
    return f"""
        SELECT s.saga_id AS subject, s.what AS detail FROM ({source}) s
        WHERE NOT EXISTS (SELECT FROM order_service.orders o WHERE o.order_id = s.saga_id)
    """  # noqa: S608 - constants of this module


_LEDGER_NET: Final = """
    SELECT saga_id, -sum(amount_cents) AS kept FROM payment_service.ledger_entries
    WHERE account = 'customer_orders' GROUP BY saga_id
"""
_GATEWAY_NET: Final = """
    SELECT reference AS saga_id, sum(captured_cents - refunded_cents) AS kept FROM payment_gateway.charges
    WHERE reference IS NOT NULL GROUP BY reference
"""
_BOOKED: Final = """
    SELECT saga_id, count(*) AS kept FROM shipping_service.shipments WHERE status = 'booked' GROUP BY saga_id
"""
_RESERVED: Final = """
    SELECT r.saga_id, l.sku, sum(l.quantity) AS units
    FROM inventory_service.reservations r JOIN inventory_service.reservation_lines l USING (reservation_id)
    WHERE r.status = 'active' GROUP BY r.saga_id, l.sku
"""
_ORDERED: Final = """
    SELECT o.order_id AS saga_id, l ->> 'sku' AS sku, sum((l ->> 'quantity')::bigint) AS units
    FROM order_service.orders o CROSS JOIN LATERAL jsonb_array_elements(o.lines) l
    WHERE o.status = 'completed' GROUP BY o.order_id, l ->> 'sku'
"""

MONEY: Final = (
    Rule(
        "ledger_balances",
        "Every transaction of the ledger adds up to zero in its currency.",
        """
        SELECT transaction_id::text AS subject, 'off by ' || sum(amount_cents) || ' ' || currency AS detail
        FROM payment_service.ledger_entries GROUP BY transaction_id, currency HAVING sum(amount_cents) <> 0
        """,
    ),
    Rule(
        "order_is_paid_once",
        "The ledger keeps a completed order's total, and nothing of an undone order for its customer.",
        _per_order(_LEDGER_NET, "o.total_cents"),
    ),
    Rule(
        "gateway_agrees_with_orders",
        "The gateway keeps a completed order's total, and of an undone one exactly what was settled or written off.",
        _per_order(_GATEWAY_NET, "o.total_cents", MONEY_BY_HAND),
    ),
    Rule(
        "ledger_agrees_with_gateway",
        "For every ended order the ledger and the gateway's own books agree on what was charged and refunded.",
        """
        SELECT o.order_id AS subject,
               'ledger ' || coalesce(l.charged, 0) || ' charged, ' || coalesce(l.refunded, 0) || ' refunded; gateway '
               || coalesce(g.charged, 0) || ' charged, ' || coalesce(g.refunded, 0) || ' refunded' AS detail
        FROM order_service.orders o
        LEFT JOIN (
            SELECT saga_id, sum(amount_cents) FILTER (WHERE kind = 'charge') AS charged,
                   -sum(amount_cents) FILTER (WHERE kind = 'refund') AS refunded
            FROM payment_service.ledger_entries WHERE account = 'gateway_clearing' GROUP BY saga_id
        ) l ON l.saga_id = o.order_id
        LEFT JOIN (
            SELECT reference, sum(captured_cents) AS charged, sum(refunded_cents) AS refunded
            FROM payment_gateway.charges WHERE reference IS NOT NULL GROUP BY reference
        ) g ON g.reference = o.order_id
        WHERE o.ended_at IS NOT NULL
          AND (coalesce(l.charged, 0), coalesce(l.refunded, 0)) <> (coalesce(g.charged, 0), coalesce(g.refunded, 0))
        """,
    ),
    Rule(
        "open_order_is_not_overcharged",
        "No order is ever charged more than its total, and never refunded more than it was charged.",
        f"""
        SELECT o.order_id AS subject, n.kept || ' kept of a total of ' || o.total_cents AS detail
        FROM order_service.orders o JOIN ({_GATEWAY_NET}) n ON n.saga_id = o.order_id
        WHERE n.kept > o.total_cents OR n.kept < 0
        """,  # noqa: S608 - constants of this module
    ),
    Rule(
        "money_belongs_to_an_order",
        "No money moves without an order, neither in the ledger nor at the gateway.",
        _strangers(
            "SELECT DISTINCT saga_id, 'a ledger entry without an order' AS what FROM payment_service.ledger_entries "
            "UNION ALL SELECT reference, 'a charge at the gateway without an order' FROM payment_gateway.charges "
            "WHERE captured_cents > 0"
        ),
    ),
)

STOCK: Final = (
    Rule(
        "stock_adds_up",
        "What was received of a SKU is available, reserved, or closed by hand.",
        """
        SELECT s.sku AS subject,
               coalesce(r.units, 0) || ' received, but ' || s.available || ' available and ' || coalesce(h.units, 0)
               || ' reserved or closed by hand' AS detail
        FROM inventory_service.stock s
        LEFT JOIN (SELECT sku, sum(quantity) AS units FROM inventory_service.stock_receipts GROUP BY sku) r USING (sku)
        LEFT JOIN (
            SELECT l.sku, sum(l.quantity) AS units
            FROM inventory_service.reservation_lines l JOIN inventory_service.reservations r USING (reservation_id)
            WHERE r.status <> 'released' GROUP BY l.sku
        ) h USING (sku)
        WHERE coalesce(r.units, 0) <> s.available + coalesce(h.units, 0)
        """,
    ),
    Rule(
        "stock_is_never_negative",
        "No SKU has less than nothing.",
        "SELECT sku AS subject, available || ' available' AS detail FROM inventory_service.stock WHERE available < 0",
    ),
    Rule(
        "completed_order_has_its_units",
        "A completed order holds exactly the units of its lines.",
        f"""
        SELECT saga_id AS subject,
               sku || ': ' || coalesce(h.units, 0) || ' reserved, ' || coalesce(w.units, 0) || ' ordered' AS detail
        FROM ({_ORDERED}) w FULL JOIN (
            SELECT * FROM ({_RESERVED}) held
            WHERE saga_id IN (SELECT order_id FROM order_service.orders WHERE status = 'completed')
        ) h USING (saga_id, sku)
        WHERE coalesce(h.units, 0) <> coalesce(w.units, 0)
        """,  # noqa: S608 - constants of this module
    ),
    Rule(
        "undone_order_holds_no_units",
        "An undone order holds nothing.",
        f"""
        SELECT h.saga_id AS subject, h.units || ' of ' || h.sku || ' still reserved' AS detail
        FROM ({_RESERVED}) h JOIN order_service.orders o ON o.order_id = h.saga_id WHERE o.status IN {ENDED_UNDONE}
        """,  # noqa: S608 - constants of this module
    ),
    Rule(
        "reservation_belongs_to_an_order",
        "Nothing is reserved without an order.",
        _strangers(
            "SELECT DISTINCT saga_id, 'a reservation without an order' AS what FROM inventory_service.reservations "
            "WHERE status = 'active'"
        ),
    ),
)

PARCELS: Final = (
    Rule(
        "order_ships_once",
        "A completed order has exactly one parcel, an undone order none.",
        _per_order(_BOOKED, "1"),
    ),
    Rule(
        "open_order_ships_at_most_once",
        "No order ever has two parcels.",
        f"SELECT saga_id AS subject, kept || ' parcels' AS detail FROM ({_BOOKED}) b WHERE kept > 1",  # noqa: S608
    ),
    Rule(
        "parcel_belongs_to_an_order",
        "Nothing is shipped without an order.",
        _strangers("SELECT DISTINCT saga_id, 'a parcel without an order' AS what FROM shipping_service.shipments"),
    ),
)

APPROVALS: Final = (
    Rule(
        "held_order_was_approved",
        "An order that was held for a person's approval is completed only with it, and no waiting one has an effect.",
        """
        SELECT o.order_id AS subject, 'it is ' || o.status || ', but its approval is ' || o.approval_state AS detail
        FROM order_service.orders o LEFT JOIN order_service.approvals a USING (order_id)
        WHERE o.status = 'completed' AND o.approval_state IS NOT NULL AND a.outcome IS DISTINCT FROM 'approved'
        UNION ALL
        SELECT o.order_id, 'it waits for approval, but has ' || count(*) || ' steps at its participants'
        FROM order_service.orders o
        JOIN (
            SELECT saga_id FROM inventory_service.saga_steps UNION ALL SELECT saga_id FROM payment_service.saga_steps
            UNION ALL SELECT saga_id FROM shipping_service.saga_steps
        ) s ON s.saga_id = o.order_id
        WHERE o.approval_state = 'waiting' GROUP BY o.order_id
        """,
    ),
)

RULES: Final[tuple[Rule, ...]] = MONEY + STOCK + PARCELS + APPROVALS + BY_HAND

SUMS: Final = """
    SELECT
        (SELECT count(*) FROM order_service.orders) AS orders,
        (SELECT count(*) FROM order_service.orders WHERE ended_at IS NULL) AS orders_open,
        (SELECT coalesce(sum(total_cents), 0) FROM order_service.orders WHERE status = 'completed')
            AS completed_cents,
        (SELECT coalesce(sum(amount_cents), 0) FROM payment_service.ledger_entries WHERE account = 'gateway_clearing')
            AS ledger_cents,
        (SELECT coalesce(sum(captured_cents - refunded_cents), 0) FROM payment_gateway.charges) AS gateway_cents,
        (SELECT coalesce(sum(quantity), 0) FROM inventory_service.stock_receipts) AS units_received,
        (SELECT coalesce(sum(available), 0) FROM inventory_service.stock) AS units_available,
        (SELECT coalesce(sum(l.quantity), 0) FROM inventory_service.reservation_lines l
            JOIN inventory_service.reservations r USING (reservation_id) WHERE r.status = 'active') AS units_reserved,
        (SELECT count(*) FROM shipping_service.shipments WHERE status = 'booked') AS parcels_booked,
        (SELECT coalesce(sum(amount), 0) FROM payment_service.hand_closings WHERE status = 'settled')
            AS settled_by_hand_cents,
        (SELECT coalesce(sum(amount), 0) FROM payment_service.hand_closings WHERE status = 'written_off')
            AS written_off_cents,
        (SELECT coalesce(sum(amount), 0) FROM inventory_service.hand_closings WHERE status = 'settled')
            AS units_settled_by_hand,
        (SELECT coalesce(sum(amount), 0) FROM inventory_service.hand_closings WHERE status = 'written_off')
            AS units_written_off,
        (SELECT coalesce(sum(amount), 0) FROM shipping_service.hand_closings WHERE status = 'settled')
            AS parcels_settled_by_hand,
        (SELECT coalesce(sum(amount), 0) FROM shipping_service.hand_closings WHERE status = 'written_off')
            AS parcels_written_off
"""

BY_STATUS: Final = "SELECT status, count(*) AS orders FROM order_service.orders GROUP BY status"

NEEDS_ATTENTION: Final = """
    SELECT order_id, reason, money_at_risk_cents FROM order_service.orders
    WHERE status = 'needs_attention' ORDER BY accepted_at LIMIT :limit
"""
