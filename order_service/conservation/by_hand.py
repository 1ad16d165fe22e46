"""What persons closed by hand: each participant's record of it against its books and the decisions.

A step that was settled or written off is an exception to the rules for undone orders, and each exception must stand in
three places: with the same amount in the participant's `hand_closings` and in its books, and decided in `repairs`.
"""

from typing import Final

from shared.contracts.app import BY_HAND_COLUMNS, Rule
from shared.shop.registry import SHOP

MONEY_BY_HAND: Final = """
    SELECT saga_id, sum(amount) AS kept FROM payment_service.hand_closings GROUP BY saga_id
"""
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
