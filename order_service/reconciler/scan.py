"""The scan: notes orphans, and closes the findings of those that are gone. A row is read once where that is enough."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import SCANNED, FindingKind
from order_service.reconciler.findings_store import FindingsStore
from order_service.reconciler.orphans import PAGE, START, Orphans, Place
from order_service.tables import SCAN_CURSORS

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
    """Looks for orphans of every kind. Belongs to the event loop of its databases."""

    def __init__(self, orphans: Orphans, findings: FindingsStore, cursors: Cursors) -> None:
        self._orphans = orphans
        self._findings = findings
        self._cursors = cursors

    async def make(self) -> str | None:
        """Look for all kinds; what could not be looked at, or None. One kind's failure is not the next one's."""
        skipped = [await self._try(kind) for kind in SCANNED]
        return " ".join(one for one in skipped if one is not None) or None

    async def _try(self, kind: FindingKind) -> str | None:
        try:
            is_complete = await self._look_for(kind)
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
