"""Removes finished workflows from the state store: what the API shows stands in a row of the service's, for good.

A purge must not race a late result: an activity that answers after its workflow was purged leaves a reminder in the
scheduler that fires for ever. So a row's workflows are purged only when it has ended and nothing of it can still run;
where a step had no answer, that is only sure much later. Instance ids are never used again.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from prometheus_client import Counter
from sqlalchemy import ColumnElement, Row, Table, case, false, func, or_, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import some_of, take_due
from shared.workflows.client import EngineAwayError, WorkflowCare

BATCH: Final = 200
SWEEP_SECONDS: Final = 2.0
CONCURRENT_PURGES: Final = 4
"""With the sweep's pause and batch a bound on what purges may cost the engine beside its orders."""
LEFTOVER_BATCH: Final = 500

log = structlog.get_logger()

PURGED: Final = Counter("shop_workflows_purged", "Rows whose workflows were removed from the state store")

LEASE: Final = text("interval '60 seconds'")

NO_ANSWER: Final = '$.steps[*] ? (@.outcome == "unknown" || @.outcome == "failed")'
"""A step without an answer may still run somewhere, or wait for its app: `unknown` is a do, `failed` an undo."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long workflows are kept after their rows have ended.

    `late_seconds`: those with a step that had no answer; longer than any activity can still run or wait.
    """

    seconds: float
    late_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A row that has ended, and the workflow instances that it had."""

    row_id: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """What one look at the rows has found to purge; `is_full`: it saw a whole batch, so that more may wait."""

    ended: Sequence[Ended]
    is_full: bool


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
        """Those that ended so long ago, or `late_seconds` ago if one of their activities may still run.

        It looks at up to `BATCH` rows, and at none again before that is due.
        """
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
        """The state store has nothing of these any more."""
        await self._set(row_ids, purged_at=func.now())

    async def postpone(self, row_id: str, seconds: float) -> None:
        """Try this one again only after so long."""
        await self._set([row_id], purge_due_at=func.now() + timedelta(seconds=seconds))

    async def already_purged(self, row_ids: Sequence[str]) -> set[str]:
        """Those of these whose workflows were purged."""
        statement = select(self._id).where(self._id.in_(row_ids), self._table.c.purged_at.is_not(None))
        async with self._database.connect() as connection:
            return set((await connection.execute(statement)).scalars())

    def row_of(self, instance_id: str) -> str:
        """The id of the row that this workflow instance belongs to."""
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


class Retention:
    """Purges in the background; several replicas share the work. Belongs to one event loop."""

    def __init__(self, purges: RowPurges, engine: WorkflowCare, keep: Keep) -> None:
        self._purges = purges
        self._engine = engine
        self._keep = keep
        self._slots = asyncio.Semaphore(CONCURRENT_PURGES)
        self._leftovers_at = time.monotonic()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                goes_on = await self.sweep()
                if time.monotonic() - self._leftovers_at > self._keep.seconds:
                    self._leftovers_at = time.monotonic()
                    await self.sweep_leftovers()
            except (SQLAlchemyError, OSError, TimeoutError, EngineAwayError) as error:
                log.warning("workflows not purged, trying again", error=str(error))
                goes_on = False
            if not goes_on:
                await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> bool:
        """Purge one batch; whether to go on at once: there may be more, and the engine has taken all of this."""
        due = await self._purges.due(self._keep.seconds, self._keep.late_seconds)
        gone = await asyncio.gather(*(self._purge(ended) for ended in due.ended))
        purged = [ended.row_id for ended, is_gone in zip(due.ended, gone, strict=True) if is_gone]
        if purged:
            await self._purges.purged(purged)
            PURGED.inc(len(purged))
        return due.is_full and all(gone)

    async def sweep_leftovers(self) -> int:
        """Remove workflows that appeared after their row was purged (a start whose answer came late); how many."""
        removed = 0
        batch: list[str] = []
        async for instance_id in self._engine.instance_ids():
            batch.append(instance_id)
            if len(batch) == LEFTOVER_BATCH:
                removed += await self._remove_leftovers(batch)
                batch = []
        return removed + await self._remove_leftovers(batch)

    async def _remove_leftovers(self, instance_ids: list[str]) -> int:
        rows = {instance_id: self._purges.row_of(instance_id) for instance_id in instance_ids}
        purged = await self._purges.already_purged(sorted(set(rows.values())))
        left = [instance_id for instance_id, row_id in rows.items() if row_id in purged]
        gone = await asyncio.gather(*(self._remove(instance_id) for instance_id in left))
        return sum(gone)

    async def _purge(self, ended: Ended) -> bool:
        """Whether nothing of it is left in the state store."""
        try:
            gone = [await self._remove(instance_id) for instance_id in ended.instance_ids]
        except EngineAwayError as error:
            log.warning("workflow not purged, trying again", row_id=ended.row_id, error=str(error))
            return False
        if not all(gone):
            await self._purges.postpone(ended.row_id, self._keep.late_seconds)
        return all(gone)

    async def _remove(self, instance_id: str) -> bool:
        """Purge a workflow; one that hasn't ended is terminated, to be purged late: its activities may still run."""
        async with self._slots:
            if await self._engine.purge(instance_id):
                return True
            log.warning("workflow of an ended row still runs: terminated", instance_id=instance_id)
            await self._engine.terminate(instance_id)
            return False
