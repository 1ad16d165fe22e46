"""When a service is ready: its database answers, and its worker is connected through a sidecar that has its place.

A healthz says neither: it answers while no worker is connected and while placement is still away.
"""

from typing import Any

import aiohttp
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine


async def database_reason(engine: AsyncEngine) -> str | None:
    """Why the database can't be used, or None."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"The database doesn't answer: {error}."
    return None


async def sidecar_reason(session: aiohttp.ClientSession, metadata_url: str) -> str | None:
    """Why the sidecar can't hand work to this service, or None."""
    try:
        metadata = await _metadata(session, metadata_url)
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"The sidecar doesn't answer at {metadata_url}: {error!r}."
    if _workers(metadata) <= 0:
        return "The sidecar has no workflow worker of this service connected."
    if not metadata.get("actorRuntime", {}).get("hostReady", False):
        return "The sidecar isn't placed yet: placement is still connecting."
    return None


async def connected_workers(session: aiohttp.ClientSession, metadata_url: str) -> int:
    """How many workers of its app the sidecar has taken in.

    Raises:
        aiohttp.ClientError, TimeoutError: the sidecar doesn't answer.
    """
    return _workers(await _metadata(session, metadata_url))


async def _metadata(session: aiohttp.ClientSession, metadata_url: str) -> dict[str, Any]:
    async with session.get(metadata_url, timeout=aiohttp.ClientTimeout(total=2)) as response:
        metadata: dict[str, Any] = await response.json()
        return metadata


def _workers(metadata: dict[str, Any]) -> int:
    return int(metadata.get("workflows", {}).get("connectedWorkers", 0))
