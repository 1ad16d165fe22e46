"""Reads a service's outbox as the tests look at it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.event import EVENT_DATA, EventType
from shared.events.outbox import OUTBOX

Published = tuple[str, int]
"""Type and sequence of an event."""


async def published(database: AsyncEngine, subject: str = "order-1") -> list[Published]:
    """The events about a subject, as they happened."""
    return [(row.type, row.sequence) for row in await _rows(database, subject)]


async def data_of(database: AsyncEngine, subject: str = "order-1") -> list[dict[str, Any]]:
    """Their data; each is what its type promises, to the last field."""
    rows = await _rows(database, subject)
    for row in rows:
        model = EVENT_DATA[EventType(row.type)]
        assert model.model_validate(row.data).model_dump()["order_id"] == subject
        assert set(row.data) <= set(model.model_fields)
    return [row.data for row in rows]


async def _rows(database: AsyncEngine, subject: str) -> Sequence[Row[Any]]:
    query = select(OUTBOX).where(OUTBOX.c.subject == subject).order_by(OUTBOX.c.position)
    async with database.connect() as connection:
        return (await connection.execute(query)).all()
