"""An inbox forgets events that are done, once no broker can deliver them again.

What is dead stays: a replay needs to know of it. `inbox_cursors` stay, too: an order that waited for a person for
months goes on with the number after its last one.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

LOOK_SECONDS: Final = 3600.0
BATCH: Final = 1000
"""Rows in one transaction: a delivery never waits long behind it."""

_FORGET: Final = text("""
    DELETE FROM inbox WHERE event_id IN (
        SELECT event_id FROM inbox WHERE state = 'done' AND settled_at < now() - CAST(:age AS interval)
        LIMIT :batch FOR UPDATE SKIP LOCKED
    )
""")

log = structlog.get_logger()


async def forget_settled(database: AsyncEngine, age: timedelta) -> None:
    """Forget again and again, until cancelled. The engine is that of the running loop."""
    while True:
        try:
            forgotten = await forget_once(database, age)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the inbox can't forget now", error=str(getattr(error, "orig", error)))
        else:
            if forgotten:
                log.info("events forgotten", events=forgotten, older_than_days=age.days)
        await asyncio.sleep(LOOK_SECONDS)


async def forget_once(database: AsyncEngine, age: timedelta, batch: int = BATCH) -> int:
    """Forget what was done longer ago than `age`; how many events that were."""
    forgotten = 0
    while True:
        async with database.begin() as tx:
            count = (await tx.execute(_FORGET, {"age": age, "batch": batch})).rowcount
        forgotten += count
        if count < batch:
            return forgotten
