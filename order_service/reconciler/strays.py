"""Effects that no living order stands for: what the auditor sees in the tables of all services."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import Finding, FindingKind

LIMIT: Final = 100
"""Of each kind in one sweep: more would all have the same cause."""

PARTICIPANTS: Final = ("inventory_service", "payment_service", "shipping_service")


def _without_order(source: str) -> str:
    return f"""
        SELECT s.saga_id AS subject, s.seen FROM ({source}) s
        WHERE NOT EXISTS (SELECT FROM order_service.orders o WHERE o.order_id = s.saga_id)
        ORDER BY subject LIMIT {LIMIT}
    """  # noqa: S608 - constants of this module


_RESERVATIONS: Final = """
    SELECT r.saga_id, sum(l.quantity) || ' units reserved at ' || min(r.created_at)::timestamptz(0)
           || coalesce(', to be released after ' || min(r.lease_until)::timestamptz(0), '') AS seen
    FROM inventory_service.reservations r JOIN inventory_service.reservation_lines l USING (reservation_id)
    WHERE r.status = 'active' GROUP BY r.saga_id
"""
_CHARGES: Final = """
    SELECT reference AS saga_id, sum(captured_cents - refunded_cents) || ' cents held at the gateway under the key '
           || string_agg(idempotency_key, ', ') AS seen
    FROM payment_gateway.charges WHERE captured_cents > refunded_cents AND reference IS NOT NULL GROUP BY reference
"""
_PARCELS: Final = """
    SELECT saga_id, 'parcel ' || string_agg(tracking_number, ', ') || ' is booked' AS seen
    FROM shipping_service.shipments WHERE status = 'booked' GROUP BY saga_id
"""


def _after_end() -> str:
    steps = " UNION ALL ".join(
        f"SELECT saga_id, '{schema}' AS schema, step, state, updated_at FROM {schema}.saga_steps "  # noqa: S608
        "WHERE state IN ('pending', 'done', 'undoing')"
        for schema in PARTICIPANTS
    )
    return f"""
        SELECT o.order_id AS subject,
               'the order is ' || o.status || ', but ' || string_agg(
                   s.step || ' at ' || s.schema || ' is ' || s.state || ' (since ' || s.updated_at::timestamptz(0)
                   || CASE WHEN s.updated_at > o.ended_at THEN ', after the end)' ELSE ')' END, '; ' ORDER BY s.step
               ) AS seen
        FROM order_service.orders o JOIN ({steps}) s ON s.saga_id = o.order_id
        WHERE o.status IN ('compensated', 'cancelled')
        GROUP BY o.order_id, o.status ORDER BY o.order_id LIMIT {LIMIT}
    """  # noqa: S608 - constants of this module


QUERIES: Final = {
    FindingKind.RESERVATION_WITHOUT_ORDER: _without_order(_RESERVATIONS),
    FindingKind.CHARGE_WITHOUT_ORDER: _without_order(_CHARGES),
    FindingKind.PARCEL_WITHOUT_ORDER: _without_order(_PARCELS),
    FindingKind.EFFECT_AFTER_END: _after_end(),
}


class Strays:
    """Looks for strays in one snapshot of all services' tables; it reads whole tables, so not too often."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Look with the auditor's eyes: `engine` is its."""
        self._engine = engine

    async def find(self) -> list[Finding]:
        """All strays, at most `LIMIT` of a kind."""
        found: list[Finding] = []
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            for kind, query in QUERIES.items():
                rows = await connection.execute(text(query))
                found += [Finding(kind, row.subject, row.seen) for row in rows]
        return found
