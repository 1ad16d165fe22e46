"""Effects that no living order stands for: what the auditor sees in the tables of all services.

Each kind has a table that is walked page by page: which of these rows may be orphans? What there is of a suspect is a
second question, which is also asked about findings that are open.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Row, TextClause, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.conservation.rules import READABLE
from order_service.reconciler.findings import SCANNED, Finding, FindingKind
from order_service.reconciler.findings_store import FindingsStore
from order_service.tables import SCAN_CURSORS
from shared.participant.quarantine import DEATHS
from shared.shop.registry import SHOP
from shared.shop.task import TASK_ORCHESTRATOR

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


FAILED_TASKS: Final = text(f"""
    SELECT task_id AS subject, workflow || coalesce(' of order ' || order_id, '') || ' failed at '
           || ended_at::timestamptz(0) AS seen
    FROM task_orchestrator_service.tasks WHERE status = 'failed' ORDER BY accepted_at DESC, task_id DESC LIMIT {PAGE}
""")  # noqa: S608 - a constant of this module


def quarantined_in(schemas: Sequence[str]) -> TextClause:
    """What is quarantined (subject, seen), by saga."""
    rows = " UNION ALL ".join(
        f"SELECT '{schema}' AS schema, saga_id, step, what, deaths FROM {schema}.quarantine"  # noqa: S608 - constants
        for schema in schemas
    )
    return text(f"""
        SELECT saga_id AS subject, string_agg(
            what || ' at ' || replace(schema, '_', '-') || ' (step ' || step || '), which died of it ' || deaths
            || ' times', '; ' ORDER BY schema, what
        ) AS seen
        FROM ({rows}) q WHERE deaths >= {DEATHS} GROUP BY saga_id
    """)  # noqa: S608 - names of the registry


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

    async def quarantined(self) -> list[Finding]:
        """What the apps don't carry out any more, by saga."""
        names = [app.package for app in SHOP.apps if app.has_sidecar]
        found = await self._rows(READABLE, {"table": "quarantine", "schemas": names})
        schemas = [row.nspname for row in found]
        rows = await self._rows(quarantined_in(schemas), {}) if schemas else []
        return [Finding(FindingKind.QUARANTINED, row.subject, row.seen) for row in rows]

    async def failed_tasks(self) -> list[Finding]:
        """The newest tasks that have failed; none where no task was ever taken."""
        if not await self._rows(READABLE, {"table": "tasks", "schemas": [TASK_ORCHESTRATOR.package]}):
            return []
        return [Finding(FindingKind.TASK_FAILED, row.subject, row.seen) for row in await self._rows(FAILED_TASKS, {})]

    async def _rows(self, query: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        async with self._database.begin() as tx:
            await tx.execute(self._bound)
            return (await tx.execute(query, values)).all()


def _place(row: Row[Any]) -> Place:
    return Place(row.at, row.key)


RECENT: Final = timedelta(hours=1)
"""Orders that ended undone since then are looked at by every scan, older ones in turn."""

log = structlog.get_logger()


class Cursors:
    """The places up to which rows were looked at. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def of(self, kind: FindingKind) -> Place:
        """Where the kind's walk goes on; the start if it has never begun."""
        statement = select(SCAN_CURSORS).where(SCAN_CURSORS.c.kind == kind)
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).first()
        return START if row is None else Place(row.at, row.key)

    async def keep(self, kind: FindingKind, place: Place) -> None:
        """All rows up to this place were looked at, and what was found is written down."""
        new = insert(SCAN_CURSORS).values(kind=kind, at=place.at, key=place.key)
        statement = new.on_conflict_do_update(index_elements=["kind"], set_={"at": place.at, "key": place.key})
        async with self._database.begin() as tx:
            await tx.execute(statement)


class Scan:
    """Notes orphans and closes the findings of those that are gone. Belongs to the event loop of its databases."""

    def __init__(self, orphans: Orphans, findings: FindingsStore, cursors: Cursors) -> None:
        self._orphans = orphans
        self._findings = findings
        self._cursors = cursors

    async def make(self) -> str | None:
        """Look for all kinds; what could not be looked at, or None. One kind's failure is not the next one's."""
        skipped = [await self._try(kind, self._look_for) for kind in SCANNED]
        listed = {
            FindingKind.QUARANTINED: self._orphans.quarantined,
            FindingKind.TASK_FAILED: self._orphans.failed_tasks,
        }
        for kind, found in listed.items():
            skipped.append(await self._try(kind, partial(self._list, found)))
        return " ".join(one for one in skipped if one is not None) or None

    async def _try(self, kind: FindingKind, look_for: Callable[[FindingKind], Awaitable[bool]]) -> str | None:
        try:
            is_complete = await look_for(kind)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            why = _first_line(error)
            log.warning("not scanned, trying again", kind=kind, error=why)
            return f"The look for {kind} failed ({why}); it is tried again."
        return None if is_complete else f"The look for {kind} has not come to the end yet; it goes on next time."

    async def _look_for(self, kind: FindingKind) -> bool:
        """Whether all was looked at that is to be looked at now."""
        await self._check(kind, await self._findings.open_subjects(kind))
        match kind:
            case FindingKind.EFFECT_AFTER_END:
                await self._look_at_the_past(kind)
                return await self._walk(kind, Place(datetime.now(UTC) - RECENT, ""))
            case FindingKind.RESERVATION_WITHOUT_ORDER:
                return await self._walk(kind, START)
            case _:
                return await self._walk_on(kind)

    async def _list(self, look_for: Callable[[], Awaitable[list[Finding]]], kind: FindingKind) -> bool:
        found = await look_for()
        await self._findings.note_all(found)
        await self._findings.resolve([kind], found)
        return True

    async def _walk(self, kind: FindingKind, after: Place) -> bool:
        is_complete = False
        async for page in self._orphans.walk(kind, after):
            await self._check(kind, page.suspects)
            is_complete = page.is_end
        return is_complete

    async def _walk_on(self, kind: FindingKind) -> bool:
        """From where the last walk came to: an order is there before its effects, so that one look at a row will do."""
        is_complete = False
        async for page in self._orphans.walk(kind, await self._cursors.of(kind)):
            await self._check(kind, page.suspects)
            if page.settled is not None:
                await self._cursors.keep(kind, page.settled)
            is_complete = page.is_end
        return is_complete

    async def _look_at_the_past(self, kind: FindingKind) -> None:
        """One page, and from the start again after the last one: an effect may come at any time after the end."""
        page = await self._orphans.page(kind, await self._cursors.of(kind))
        await self._check(kind, page.suspects)
        await self._cursors.keep(kind, START if page.is_end else page.last)

    async def _check(self, kind: FindingKind, subjects: Sequence[str]) -> None:
        """Note those that are orphans, and close the findings of the others."""
        known = sorted(set(subjects))
        for begin in range(0, len(known), PAGE):
            some = known[begin : begin + PAGE]
            found = await self._orphans.check(kind, some)
            await self._findings.note_all(found)
            await self._findings.resolve([kind], found, some)


def _first_line(error: Exception) -> str:
    """Without the statement, which the database's errors bring along."""
    return (str(error) or type(error).__name__).splitlines()[0]
