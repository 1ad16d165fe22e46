"""The rows of what a service has accepted: each stands for one workflow, is shown to clients, and stays for good.

Running sagas are shown live: their timelines come from the worker's thread into their rows. This is a view. What is
lost here (a crash, a database that is away) is made good by the next change of the saga, and the last word is written
by the saga's own activity.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.timeline import Timeline
from shared.database import take_due

START_LEASE: Final = sa.text("interval '10 seconds'")
"""How long one process has for starting a row's workflow before any process tries again."""

ACCEPTED: Final = "accepted"
"""The status of a row that no run of its workflow has claimed."""

GATHER_SECONDS: Final = 0.05
"""Changes of this long are written in one statement."""

log = structlog.get_logger()


class WorkflowRows:
    """Rows of one table. Belongs to the event loop of its database.

    The table has one key, which is the (first) workflow's instance id, and the columns `status`, `accepted_at`,
    `ended_at`, `start_due_at`, `start_error`, `timeline` and `timeline_version`.
    """

    def __init__(self, database: AsyncEngine, table: sa.Table, on_change: Mapping[str, Any] | None = None) -> None:
        """Read and lease rows of `table`; `on_change` is set with every change that a client can see."""
        self._database = database
        self._table = table
        self._on_change = dict(on_change or {})
        (self._id,) = table.primary_key.columns

    async def by_id(self, row_id: str) -> sa.Row[Any] | None:
        async with self._database.connect() as connection:
            row: sa.Row[Any] | None = (
                await connection.execute(sa.select(self._table).where(self._id == row_id))
            ).first()
            return row

    async def page(self, status: str | None, before: tuple[datetime, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
        """Up to `limit` rows, newest first, from the one before `before` (accepted_at, id)."""
        row = self._table.c
        statement = sa.select(self._table).order_by(row.accepted_at.desc(), self._id.desc()).limit(limit)
        if status is not None:
            statement = statement.where(row.status == status)
        if before is not None:
            place = sa.tuple_(sa.literal(before[0]), sa.literal(before[1]))
            statement = statement.where(sa.tuple_(row.accepted_at, self._id) < place)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).all()

    async def lease_unstarted(self, limit: int) -> Sequence[sa.Row[Any]]:
        """Rows that no run of their workflow has claimed in time; each goes to one process at a time."""
        async with self._database.begin() as tx:
            return await self._lease(tx, limit)

    async def _lease(self, tx: AsyncConnection, limit: int, *which: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
        row = self._table.c
        leased = take_due(self._id, row.start_due_at, START_LEASE, limit, row.status == ACCEPTED, *which)
        return (await tx.execute(leased.returning(*row))).all()

    async def start_failed(self, row_id: str, error: str) -> None:
        """Keep why the engine didn't take the row's workflow."""
        statement = sa.update(self._table).where(self._id == row_id, self._table.c.status == ACCEPTED)
        async with self._database.begin() as tx:
            await tx.execute(statement.values(start_error=error))

    async def show(self, timelines: dict[str, Timeline]) -> None:
        """Put the progress of running sagas into their rows; what is older than the row is dropped."""
        row, ids = self._table.c, sorted(timelines)
        shown = (
            sa.func.unnest(
                sa.bindparam("ids", ids, ARRAY(sa.Text)),
                sa.cast(
                    sa.bindparam("timelines", [timelines[one].model_dump_json() for one in ids], ARRAY(sa.Text)),
                    ARRAY(JSONB),
                ),
                sa.bindparam("versions", [timelines[one].version for one in ids], ARRAY(sa.Integer)),
            )
            .table_valued(sa.column("row_id", sa.Text), sa.column("timeline", JSONB), sa.column("version", sa.Integer))
            .render_derived(name="shown")
        )
        statement = (
            sa.update(self._table)
            .where(self._id == shown.c.row_id, row.timeline_version < shown.c.version, row.ended_at.is_(None))
            .values(timeline=shown.c.timeline, timeline_version=shown.c.version, **self._on_change)
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)


class ProgressWriter:
    """Takes timelines from any thread, writes the newest of each saga."""

    def __init__(self, rows: WorkflowRows) -> None:
        self._rows = rows
        self._newest: dict[str, Timeline] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    def observe(self, saga_id: str, timeline: Timeline) -> None:
        """Take note of a saga's timeline; never blocks and never fails."""
        with self._lock:
            self._newest[saga_id] = timeline
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Write until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._changed.clear()
            with self._lock:
                newest, self._newest = self._newest, {}
            if not newest:
                continue
            try:
                await self._rows.show(newest)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("progress not shown", sagas=len(newest), error=str(error))
