"""Which workflows are to be purged, by the rows that they belong to."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    case,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.lease import some_of, take_due
from shared.workflows.retention import BATCH, Due, Ended

LEASE: Final = text("interval '60 seconds'")

NO_ANSWER: Final = '$.steps[*] ? (@.outcome == "unknown" || @.outcome == "failed")'
"""A step without an answer may still run somewhere, or wait for its app: `unknown` is a do, `failed` an undo."""


class RowPurges:
    """Hands ended rows of one table out to one process at a time. Belongs to the event loop of its database.

    The table has one key, which is the workflow's instance id, and the columns `ended_at`, `timeline`, `purge_due_at`
    and `purged_at`.
    """

    def __init__(self, database: AsyncEngine, table: Table) -> None:
        self._database = database
        self._table = table
        (self._id,) = table.primary_key.columns

    async def due(self, keep_seconds: float, late_seconds: float) -> Due:
        async with self._database.begin() as tx:
            again = await self._again(tx)
            first = await self._first_looks(tx, keep_seconds, late_seconds, BATCH - len(again))
            rows = [*again, *(one for one in first if one.is_due)]
            ended = [Ended(getattr(one, self._id.name), self.instances_of(one)) for one in rows]
            return Due(ended, is_full=len(again) + len(first) == BATCH)

    async def _again(self, tx: AsyncConnection) -> Sequence[Row[Any]]:
        """Lease rows that were put off until now."""
        row = self._table.c
        statement = take_due(self._id, row.purge_due_at, LEASE, BATCH, row.purged_at.is_(None))
        return (await tx.execute(statement.returning(*row))).all()

    async def _first_looks(
        self, tx: AsyncConnection, keep_seconds: float, late_seconds: float, limit: int
    ) -> Sequence[Row[Any]]:
        """Lease rows that nobody has looked at, or put them off until they are due, so that nobody does so again."""
        row = self._table.c
        no_answer = row.timeline.path_exists(NO_ANSWER)
        seconds = case(
            (or_(self.may_run_late(), no_answer), timedelta(seconds=max(keep_seconds, late_seconds))),
            else_=timedelta(seconds=keep_seconds),
        )
        due_at = row.ended_at + seconds
        chosen = (
            row.purge_due_at.is_(None),
            row.purged_at.is_(None),
            row.ended_at <= func.now() - timedelta(seconds=keep_seconds),
        )
        put_off = case((due_at <= func.now(), func.now() + LEASE), else_=due_at)
        statement = some_of(self._table, self._id, row.ended_at, limit, *chosen).values(purge_due_at=put_off)
        return (await tx.execute(statement.returning(*row, (due_at <= func.now()).label("is_due")))).all()

    async def purged(self, row_ids: Collection[str]) -> None:
        await self._set(row_ids, purged_at=func.now())

    async def postpone(self, row_id: str, seconds: float) -> None:
        await self._set([row_id], purge_due_at=func.now() + timedelta(seconds=seconds))

    async def already_purged(self, row_ids: Sequence[str]) -> set[str]:
        statement = select(self._id).where(self._id.in_(row_ids), self._table.c.purged_at.is_not(None))
        async with self._database.connect() as connection:
            return set((await connection.execute(statement)).scalars())

    def row_of(self, instance_id: str) -> str:
        return instance_id

    def instances_of(self, row: Row[Any]) -> tuple[str, ...]:
        """All workflow instances that the row had."""
        return (getattr(row, self._id.name),)

    def may_run_late(self) -> ColumnElement[bool]:
        """What besides a step without an answer lets activities of a row run after its end."""
        return false()

    async def _set(self, row_ids: Collection[str], **values: object) -> None:
        async with self._database.begin() as tx:
            await tx.execute(update(self._table).where(self._id.in_(row_ids)).values(**values))
