"""Of several relays one is active: the one whose database session holds the lock."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

LOCK_KEY: Final = 7_264_519_101
"""Any fixed number that nobody else locks in this database."""


@contextlib.asynccontextmanager
async def leading(database: AsyncEngine, *, retry_seconds: float) -> AsyncIterator[AsyncConnection]:
    """Wait until this relay is the active one; it is while the connection lives, which the work must be done on.

    The statements commit one by one.
    """
    async with database.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
        await _win(connection, retry_seconds)
        try:
            yield connection
        finally:
            # Not back into the pool: the lock is the session's.
            await connection.invalidate()


async def _win(connection: AsyncConnection, retry_seconds: float) -> None:
    attempt = text("SELECT pg_try_advisory_lock(:key)")
    # Not by waiting for the lock: a statement that waits holds up vacuum.
    while not (await connection.execute(attempt, {"key": LOCK_KEY})).scalar():  # noqa: ASYNC110 - held by another process
        await asyncio.sleep(retry_seconds)
