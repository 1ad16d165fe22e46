"""The rows of what a service has accepted: each stands for one workflow, is shown to clients, and stays for good."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.timeline import Timeline
from shared.lease import take_due

START_LEASE: Final = text("interval '10 seconds'")
"""How long one process has for starting a row's workflow before any process tries again."""

ACCEPTED: Final = "accepted"
"""The status of a row that no run of its workflow has claimed."""


class WorkflowRows:
    """Rows of one table. Belongs to the event loop of its database.

    The table has one key, which is the (first) workflow's instance id, and the columns `status`, `accepted_at`,
    `ended_at`, `start_due_at`, `start_error`, `timeline` and `timeline_version`.
    """

    def __init__(self, database: AsyncEngine, table: Table, on_change: Mapping[str, Any] | None = None) -> None:
        """Read and lease rows of `table`; `on_change` is set with every change that a client can see."""
        self._database = database
        self._table = table
        self._on_change = dict(on_change or {})
        (self._id,) = table.primary_key.columns

    async def by_id(self, row_id: str) -> Row[Any] | None:
        async with self._database.connect() as connection:
            row: Row[Any] | None = (await connection.execute(select(self._table).where(self._id == row_id))).first()
            return row

    async def page(self, status: str | None, before: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
        """Up to `limit` rows, newest first, from the one before `before` (accepted_at, id)."""
        row = self._table.c
        statement = select(self._table).order_by(row.accepted_at.desc(), self._id.desc()).limit(limit)
        if status is not None:
            statement = statement.where(row.status == status)
        if before is not None:
            place = tuple_(literal(before[0]), literal(before[1]))
            statement = statement.where(tuple_(row.accepted_at, self._id) < place)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).all()

    async def lease_unstarted(self, limit: int) -> Sequence[Row[Any]]:
        """Rows that no run of their workflow has claimed in time; each goes to one process at a time."""
        async with self._database.begin() as tx:
            return await self._lease(tx, limit)

    async def _lease(self, tx: AsyncConnection, limit: int, *which: ColumnElement[bool]) -> Sequence[Row[Any]]:
        row = self._table.c
        leased = take_due(self._id, row.start_due_at, START_LEASE, limit, row.status == ACCEPTED, *which)
        return (await tx.execute(leased.returning(*row))).all()

    async def start_failed(self, row_id: str, error: str) -> None:
        """Keep why the engine didn't take the row's workflow."""
        statement = update(self._table).where(self._id == row_id, self._table.c.status == ACCEPTED)
        async with self._database.begin() as tx:
            await tx.execute(statement.values(start_error=error))

    async def show(self, timelines: dict[str, Timeline]) -> None:
        """Put the progress of running sagas into their rows; what is older than the row is dropped."""
        row, ids = self._table.c, sorted(timelines)
        shown = (
            func.unnest(
                bindparam("ids", ids, ARRAY(Text)),
                cast(
                    bindparam("timelines", [timelines[one].model_dump_json() for one in ids], ARRAY(Text)), ARRAY(JSONB)
                ),
                bindparam("versions", [timelines[one].version for one in ids], ARRAY(Integer)),
            )
            .table_valued(column("row_id", Text), column("timeline", JSONB), column("version", Integer))
            .render_derived(name="shown")
        )
        statement = (
            update(self._table)
            .where(self._id == shown.c.row_id, row.timeline_version < shown.c.version, row.ended_at.is_(None))
            .values(timeline=shown.c.timeline, timeline_version=shown.c.version, **self._on_change)
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)
