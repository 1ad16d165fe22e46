"""The order of a race, forced: the rivals queue for one row, which the test holds until all of them wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.waiting import eventually

WAITING: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def are_waiting(engine: AsyncEngine, number: int) -> bool:
    """Whether so many transactions of this database wait for a lock."""
    async with engine.connect() as observer:  # a transaction sees one state of who waits
        return bool((await observer.execute(WAITING)).scalar_one() == number)


async def in_turn(engine: AsyncEngine, row: str, *rivals: Callable[[], Awaitable[object]]) -> list[Any]:
    """What the rivals answer or raise, who take the row in this order.

    `row` is what follows FROM in a query of that row. Two rivals: Postgres promises a third no place in the queue.
    """
    async with engine.connect() as holder:
        await holder.execute(text(f"SELECT 1 FROM {row} FOR UPDATE"))
        queue = []
        for place, rival in enumerate(rivals, start=1):
            queue.append(asyncio.ensure_future(rival()))
            await eventually(lambda place=place: are_waiting(engine, place), f"{place} wait for {row}")  # type: ignore[misc] # bound now
        await holder.rollback()
    return await asyncio.gather(*queue, return_exceptions=True)
