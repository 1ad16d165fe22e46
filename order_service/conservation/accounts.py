"""What each order comes to in all books, added up in one pass, and the rules that need no more than that.

Every rule of its own would read the orders, the ledger and the charges again, which is what made the check slow. A row
of `ACCOUNTS` is whatever carries one saga id: `status` is NULL if no order stands behind it.

A step that a person settled or wrote off is an exception to the rules for undone orders. Each exception must stand in
three places: with the same amount in the participant's `hand_closings` and in its books, and decided in `repairs`.
"""

from typing import Final

from shared.contracts.app import BY_HAND_COLUMNS, Rule
from shared.shop.registry import SHOP

_ORDERS: Final = """
    SELECT order_id AS saga_id, status, ended_at IS NOT NULL AS ended, total_cents FROM order_service.orders
"""
_LEDGER: Final = """
    SELECT saga_id, -sum(amount_cents) FILTER (WHERE account = 'customer_orders') AS kept,
           sum(amount_cents) FILTER (WHERE account = 'gateway_clearing' AND kind = 'charge') AS charged,
           -sum(amount_cents) FILTER (WHERE account = 'gateway_clearing' AND kind = 'refund') AS refunded
    FROM payment_service.ledger_entries GROUP BY saga_id
"""
_GATEWAY: Final = """
    SELECT reference AS saga_id, sum(captured_cents) AS charged, sum(refunded_cents) AS refunded
    FROM payment_gateway.charges GROUP BY reference
"""
_PARCELS: Final = """
    SELECT saga_id, count(*) FILTER (WHERE status = 'booked') AS booked FROM shipping_service.shipments GROUP BY saga_id
"""
_RESERVATIONS: Final = """
    SELECT saga_id, count(*) AS active FROM inventory_service.reservations WHERE status = 'active' GROUP BY saga_id
"""
_RETURNS: Final = """
    SELECT order_id AS saga_id, sum(amount_cents) AS returned,
           sum(amount_cents) FILTER (WHERE kind = 'refund') AS by_gateway
    FROM order_service.returns GROUP BY order_id
"""
MONEY_BY_HAND: Final = """
    SELECT saga_id, sum(amount) AS kept FROM payment_service.hand_closings GROUP BY saga_id
"""

ACCOUNTS: Final = f"""
    SELECT saga_id, o.status, coalesce(o.ended, false) AS ended, o.total_cents,
           l.saga_id IS NOT NULL AS in_ledger, coalesce(l.kept, 0) AS ledger_kept,
           coalesce(l.charged, 0) AS ledger_charged, coalesce(l.refunded, 0) AS ledger_refunded,
           coalesce(g.charged, 0) AS gateway_charged, coalesce(g.refunded, 0) AS gateway_refunded,
           coalesce(g.charged - g.refunded, 0) AS gateway_kept, coalesce(h.kept, 0) AS by_hand,
           coalesce(t.returned, 0) AS returned, coalesce(t.by_gateway, 0) AS returned_by_gateway,
           p.saga_id IS NOT NULL AS has_parcels, coalesce(p.booked, 0) AS booked, coalesce(r.active, 0) AS reservations
    FROM ({_ORDERS}) o
    FULL JOIN ({_LEDGER}) l USING (saga_id)
    FULL JOIN ({_GATEWAY}) g USING (saga_id)
    FULL JOIN ({MONEY_BY_HAND}) h USING (saga_id)
    FULL JOIN ({_RETURNS}) t USING (saga_id)
    FULL JOIN ({_PARCELS}) p USING (saga_id)
    FULL JOIN ({_RESERVATIONS}) r USING (saga_id)
"""  # noqa: S608 - constants of this module


def _keeps(kept: str, completed: str, undone: str = "0") -> str:
    """An ended order must have kept so much: one value if it is completed, another if it is undone."""
    expected = f"CASE status WHEN 'completed' THEN {completed} ELSE {undone} END"
    return f"""
        SELECT saga_id AS subject, status || ' but ' || {kept} || ' instead of ' || {expected} AS detail
        FROM accounts WHERE ended AND {kept} <> {expected}
    """  # noqa: S608 - constants of this module


def _strangers(what: str, condition: str) -> str:
    """Accounts with something in them that no order stands behind."""
    return f"""
        SELECT saga_id AS subject, {what} || ' without an order' AS detail
        FROM accounts WHERE status IS NULL AND ({condition})
    """  # noqa: S608 - constants of this module


OF_ACCOUNTS: Final = (
    Rule(
        "returns_are_of_completed_orders",
        "What was given back after an order's end is of a completed order, in its currency, no more than its total, "
        "and adds up to what its row says.",
        """
        SELECT o.order_id AS subject,
               o.status || ', ' || o.total_cents || ' ' || o.currency || '; its row says ' || o.returned_cents
               || ' given back, recorded are ' || concat_ws(' ', coalesce(t.returned, 0), t.currencies) AS detail
        FROM order_service.orders o FULL JOIN (
            SELECT order_id, sum(amount_cents) AS returned, string_agg(DISTINCT currency, ', ') AS currencies
            FROM order_service.returns GROUP BY order_id
        ) t USING (order_id)
        WHERE o.returned_cents <> coalesce(t.returned, 0) OR t.returned > o.total_cents
           OR t.returned IS NOT NULL AND (o.status <> 'completed' OR t.currencies <> o.currency)
        """,
    ),
    Rule(
        "order_is_paid_once",
        "The ledger keeps a completed order's total, and nothing of an undone order for its customer.",
        _keeps("ledger_kept", "total_cents"),
    ),
    Rule(
        "gateway_agrees_with_orders",
        "The gateway keeps a completed order's total but for what was recorded as given back, and of an undone one "
        "exactly what was settled or written off.",
        """
        SELECT saga_id AS subject, status || ' but ' || gateway_kept || ' instead of ' || CASE
                   WHEN status <> 'completed' THEN by_hand::text
                   WHEN returned = returned_by_gateway THEN (total_cents - returned)::text
                   ELSE (total_cents - returned) || ' to ' || (total_cents - returned_by_gateway)
               END || CASE WHEN returned > 0 THEN ', ' || returned || ' given back' ELSE '' END AS detail
        FROM accounts
        WHERE ended AND gateway_kept NOT BETWEEN
            CASE status WHEN 'completed' THEN total_cents - returned ELSE by_hand END
            AND CASE status WHEN 'completed' THEN total_cents - returned_by_gateway ELSE by_hand END
        """,
    ),
    Rule(
        "money_is_in_the_orders_currency",
        "Whatever the ledger or the gateway holds of an order is in its currency.",
        """
        SELECT o.order_id AS subject,
               'ordered in ' || o.currency || ', but ' || m.place || ' holds ' || m.currency AS detail
        FROM order_service.orders o JOIN (
            SELECT reference AS saga_id, currency, 'the gateway' AS place FROM payment_gateway.charges
            GROUP BY reference, currency HAVING sum(captured_cents - refunded_cents) <> 0
            UNION ALL
            SELECT saga_id, currency, 'the ledger' FROM payment_service.ledger_entries
            WHERE account = 'gateway_clearing' GROUP BY saga_id, currency HAVING sum(amount_cents) <> 0
        ) m ON m.saga_id = o.order_id
        WHERE m.currency <> o.currency
        """,
    ),
    Rule(
        "ledger_agrees_with_gateway",
        "For every ended order the ledger and the gateway's own books agree on what was charged and refunded, but for "
        "what was recorded as given back after its completion.",
        """
        SELECT saga_id AS subject,
               'ledger ' || ledger_charged || ' charged, ' || ledger_refunded || ' refunded; gateway '
               || gateway_charged || ' charged, ' || gateway_refunded || ' refunded' AS detail
        FROM accounts
        WHERE ended AND (ledger_charged <> gateway_charged
            OR gateway_refunded NOT BETWEEN ledger_refunded + returned_by_gateway AND ledger_refunded + returned)
        """,
    ),
    Rule(
        "open_order_is_not_overcharged",
        "No order is ever charged more than its total, and never refunded more than it was charged.",
        """
        SELECT saga_id AS subject, gateway_kept || ' kept of a total of ' || total_cents AS detail
        FROM accounts WHERE status IS NOT NULL AND (gateway_kept > total_cents OR gateway_kept < 0)
        """,
    ),
    Rule(
        "money_belongs_to_an_order",
        "No money moves without an order, neither in the ledger nor at the gateway.",
        _strangers(
            "concat_ws(' and ', CASE WHEN in_ledger THEN 'ledger entries' END,"
            " CASE WHEN gateway_charged > 0 THEN gateway_charged || ' charged at the gateway' END)",
            "in_ledger OR gateway_charged > 0",
        ),
    ),
    Rule(
        "reservation_belongs_to_an_order",
        "Nothing is reserved without an order.",
        _strangers("'a reservation'", "reservations > 0"),
    ),
    Rule(
        "order_ships_once",
        "A completed order has exactly one parcel, an undone order none.",
        _keeps("booked", "1"),
    ),
    Rule(
        "open_order_ships_at_most_once",
        "No order ever has two parcels.",
        "SELECT saga_id AS subject, booked || ' parcels' AS detail FROM accounts WHERE booked > 1",
    ),
    Rule(
        "parcel_belongs_to_an_order",
        "Nothing is shipped without an order.",
        _strangers("'a parcel'", "has_parcels"),
    ),
)
"""Their queries select from `accounts`, which is `ACCOUNTS`."""


_CLOSED_BY_HAND: Final = " UNION ALL ".join(
    f"SELECT {', '.join(BY_HAND_COLUMNS)} FROM {app.package}.hand_closings"  # noqa: S608 - names of the registry
    for app in SHOP.participants
)


def _closed_by_hand(service: str, books: str) -> str:
    """Where the service's own books (saga_id, step, status, amount) say anything else than its `hand_closings`."""
    return f"""
        SELECT saga_id AS subject,
               step || ': ' || coalesce(c.amount, 0) || ' ' || coalesce(c.status, 'closed by hand') || ', but '
               || coalesce(b.amount, 0) || ' ' || coalesce(b.status, 'closed by hand') || ' in the books' AS detail
        FROM {service}.hand_closings c FULL JOIN ({books}) b USING (saga_id, step)
        WHERE c.amount IS DISTINCT FROM b.amount OR c.status IS DISTINCT FROM b.status
    """  # noqa: S608 - constants of this module


BY_HAND: Final = (
    *(
        Rule(app.hand_books.rule, app.hand_books.meaning, _closed_by_hand(app.package, app.hand_books.query))
        for app in SHOP.participants
        if app.hand_books is not None
    ),
    Rule(
        "closing_by_hand_was_decided",
        "Whatever was closed by hand, a person decided so, and no completed order has any.",
        f"""
        SELECT c.saga_id AS subject,
               c.step || ' ' || c.status || ' by ' || c.decided_by || ' without a recorded decision' AS detail
        FROM ({_CLOSED_BY_HAND}) c
        LEFT JOIN order_service.repairs r USING (repair_id)
        LEFT JOIN order_service.orders o ON o.order_id = r.order_id AND o.status <> 'completed'
        WHERE (o.order_id, r.step, CASE r.decision WHEN 'settle' THEN 'settled' ELSE 'written_off' END)
              IS DISTINCT FROM (c.saga_id, c.step, c.status)
        """,  # noqa: S608 - constants of this module
    ),
    Rule(
        "decision_was_carried_out",
        "What a decision says was settled or written off, the participant has closed so.",
        f"""
        SELECT r.order_id AS subject,
               r.step || ' ' || r.outcome || ' by the decision only (' || r.repair_id || ')' AS detail
        FROM order_service.repairs r LEFT JOIN ({_CLOSED_BY_HAND}) c ON c.saga_id = r.order_id AND c.step = r.step
        WHERE r.outcome IN ('settled', 'written_off') AND c.status IS DISTINCT FROM r.outcome
        """,  # noqa: S608 - constants of this module
    ),
)

CLOSED_BY_HAND: Final = f"""
    SELECT saga_id AS order_id, step, status, amount, unit, decided_by AS by, note, repair_id,
           to_char(closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS closed_at
    FROM ({_CLOSED_BY_HAND}) c ORDER BY closed_at DESC, step LIMIT :limit
"""  # noqa: S608 - constants of this module
