"""Effects that no living order stands for: what the auditor sees in the tables of all services.

Each kind has a table that is walked page by page: which of these rows may be orphans? What there is of a suspect is a
second question, which is also asked about findings that are open.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import Finding, FindingKind
from shared.shop.registry import SHOP

PAGE: Final = 1000
"""Rows that one statement looks at."""

STATEMENT_SECONDS: Final = 5.0
WALK_SECONDS: Final = 5.0
"""A walk that takes longer goes on another time: open orders are looked after in between."""

_WITHOUT_ORDER: Final = "NOT EXISTS (SELECT FROM order_service.orders o WHERE o.order_id = s.subject)"
_STEPS: Final = " UNION ALL ".join(
    f"SELECT saga_id, '{app.package}' AS schema, step, state, updated_at FROM {app.package}.saga_steps "  # noqa: S608 - constants
    "WHERE state IN ('pending', 'done', 'undoing')"
    for app in SHOP.participants
)


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in a walk: rows go by a moment, and by their keys within one."""

    at: datetime
    key: str


START: Final = Place(datetime(1970, 1, 1, tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class Page:
    """What one step of a walk saw.

    `settled` is the last row before which no other can turn up any more: moments are when transactions began, and they
    commit in another order. `is_end`: there was no further row.
    """

    suspects: tuple[str, ...]
    last: Place
    settled: Place | None
    is_end: bool


def _page(rows: str, suspicious: str) -> TextClause:
    """The next of the rows (at, key, subject, holds); a suspect `holds` something, and is `suspicious`."""
    # The limit is no parameter: a plan for any limit would read all orders instead of those of the page.
    return text(f"""
        WITH s AS MATERIALIZED (
            SELECT * FROM ({rows}) r WHERE (at, key) > (:at, :key) ORDER BY at, key LIMIT {PAGE}
        )
        SELECT at, key, at < now() - interval '5 minutes' AS is_settled,
            CASE WHEN holds AND {suspicious} THEN subject END AS suspect
        FROM s ORDER BY at, key
    """)  # noqa: S608 - constants of this module


def _without_order(effects: str) -> TextClause:
    """Those of the effects (subject, seen) that no order stands for."""
    return text(f"SELECT subject, seen FROM ({effects}) s WHERE {_WITHOUT_ORDER}")  # noqa: S608 - constants


PAGES: Final[Mapping[FindingKind, TextClause]] = {
    # A reservation without a lease is a completed order's.
    FindingKind.RESERVATION_WITHOUT_ORDER: _page(
        """
        SELECT lease_until AS at, reservation_id AS key, saga_id AS subject, true AS holds
        FROM inventory_service.reservations WHERE lease_until IS NOT NULL
        """,
        _WITHOUT_ORDER,
    ),
    FindingKind.CHARGE_WITHOUT_ORDER: _page(
        """
        SELECT created_at AS at, idempotency_key AS key, reference AS subject,
            reference IS NOT NULL AND captured_cents > refunded_cents AS holds
        FROM payment_gateway.charges
        """,
        _WITHOUT_ORDER,
    ),
    FindingKind.PARCEL_WITHOUT_ORDER: _page(
        """
        SELECT booked_at AS at, shipment_id AS key, saga_id AS subject, status = 'booked' AS holds
        FROM shipping_service.shipments
        """,
        _WITHOUT_ORDER,
    ),
    FindingKind.EFFECT_AFTER_END: _page(
        """
        SELECT ended_at AS at, order_id AS key, order_id AS subject, true AS holds
        FROM order_service.orders WHERE status IN ('compensated', 'cancelled')
        """,
        f"EXISTS (SELECT FROM ({_STEPS}) t WHERE t.saga_id = s.subject)",
    ),
}

CHECKS: Final[Mapping[FindingKind, TextClause]] = {
    FindingKind.RESERVATION_WITHOUT_ORDER: _without_order("""
        SELECT r.saga_id AS subject, sum(l.quantity) || ' units reserved at ' || min(r.created_at)::timestamptz(0)
               || ', to be released after ' || min(r.lease_until)::timestamptz(0) AS seen
        FROM inventory_service.reservations r JOIN inventory_service.reservation_lines l USING (reservation_id)
        WHERE r.saga_id = ANY(:subjects) AND r.lease_until IS NOT NULL GROUP BY r.saga_id
    """),
    FindingKind.CHARGE_WITHOUT_ORDER: _without_order("""
        SELECT reference AS subject, sum(captured_cents - refunded_cents) || ' cents held at the gateway under the key '
               || string_agg(idempotency_key, ', ') AS seen
        FROM payment_gateway.charges
        WHERE reference = ANY(:subjects) AND captured_cents > refunded_cents GROUP BY reference
    """),
    FindingKind.PARCEL_WITHOUT_ORDER: _without_order("""
        SELECT saga_id AS subject, 'parcel ' || string_agg(tracking_number, ', ') || ' is booked' AS seen
        FROM shipping_service.shipments WHERE saga_id = ANY(:subjects) AND status = 'booked' GROUP BY saga_id
    """),
    FindingKind.EFFECT_AFTER_END: text(f"""
        SELECT o.order_id AS subject,
               'the order is ' || o.status || ', but ' || string_agg(
                   s.step || ' at ' || s.schema || ' is ' || s.state || ' (since ' || s.updated_at::timestamptz(0)
                   || CASE WHEN s.updated_at > o.ended_at THEN ', after the end)' ELSE ')' END, '; ' ORDER BY s.step
               ) AS seen
        FROM order_service.orders o JOIN ({_STEPS}) s ON s.saga_id = o.order_id
        WHERE o.order_id = ANY(:subjects) AND o.status IN ('compensated', 'cancelled')
        GROUP BY o.order_id, o.status
    """),  # noqa: S608 - constants of this module
}


class Orphans:
    """Looks for orphans in the tables of all services. In each statement's snapshot an order precedes its effects.

    Every call may raise what a database does that is away, or takes longer than `statement_seconds`.
    """

    def __init__(
        self, database: AsyncEngine, *, statement_seconds: float = STATEMENT_SECONDS, walk_seconds: float = WALK_SECONDS
    ) -> None:
        """`database` connects as the auditor's role."""
        self._database = database
        self._bound = text(f"SET LOCAL statement_timeout = {round(statement_seconds * 1000)}")
        self._walk_seconds = walk_seconds

    async def walk(self, kind: FindingKind, after: Place) -> AsyncIterator[Page]:
        """The pages after a place, up to the end, or as far as `walk_seconds` last; one at least."""
        deadline = time.monotonic() + self._walk_seconds
        while True:
            page = await self.page(kind, after)
            yield page
            if page.is_end or time.monotonic() >= deadline:
                return
            after = page.last

    async def page(self, kind: FindingKind, after: Place) -> Page:
        """The next rows of the kind's table, and who of them may be an orphan."""
        rows = await self._rows(PAGES[kind], {"at": after.at, "key": after.key})
        settled = [row for row in rows if row.is_settled]
        return Page(
            suspects=tuple(row.suspect for row in rows if row.suspect is not None),
            last=_place(rows[-1]) if rows else after,
            settled=_place(settled[-1]) if settled else None,
            is_end=len(rows) < PAGE,
        )

    async def check(self, kind: FindingKind, subjects: Sequence[str]) -> list[Finding]:
        """What there is of those subjects that are orphans now."""
        rows = await self._rows(CHECKS[kind], {"subjects": list(subjects)})
        return [Finding(kind, row.subject, row.seen) for row in rows]

    async def _rows(self, query: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        async with self._database.begin() as tx:
            await tx.execute(self._bound)
            return (await tx.execute(query, values)).all()


def _place(row: Row[Any]) -> Place:
    return Place(row.at, row.key)
