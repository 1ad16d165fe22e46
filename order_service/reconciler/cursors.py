"""How far the scan has come in each table that it reads once."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import FindingKind
from order_service.reconciler.orphans import START, Place
from order_service.tables import SCAN_CURSORS


class Cursors:
    """The places up to which rows were looked at. Belongs to the event loop of its engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, kind: FindingKind) -> Place:
        """Where the kind's walk goes on; the start if it has never begun."""
        statement = select(SCAN_CURSORS).where(SCAN_CURSORS.c.kind == kind)
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).first()
        return START if row is None else Place(row.at, row.key)

    async def keep(self, kind: FindingKind, place: Place) -> None:
        """All rows up to this place were looked at, and what was found is written down."""
        new = insert(SCAN_CURSORS).values(kind=kind, at=place.at, key=place.key)
        statement = new.on_conflict_do_update(index_elements=["kind"], set_={"at": place.at, "key": place.key})
        async with self._engine.begin() as tx:
            await tx.execute(statement)
