"""Asks a process whether it is ready; answers None when it is, else what is missing."""

import asyncio
from http import HTTPStatus
from typing import Any

import aiohttp
import asyncpg

from devstack.topology.specs import Finished, HttpReady, PostgresReady, Readiness, SchedulerReady, SidecarReady

CHECK_TIMEOUT_SECONDS = 3.0
CONNECTED_SIDECARS = "dapr_scheduler_sidecars_connected"


async def missing_for(ready: Readiness, session: aiohttp.ClientSession) -> str | None:
    """What still keeps a process from being ready."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await _ask(ready, session)
    except TimeoutError:
        return f"it didn't answer within {CHECK_TIMEOUT_SECONDS:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"it doesn't answer yet ({type(error).__name__})"


async def _ask(ready: Readiness, session: aiohttp.ClientSession) -> str | None:
    match ready:
        case HttpReady(url):
            return await _http(url, session)
        case SidecarReady(metadata_url):
            return await _sidecar(metadata_url, session)
        case SchedulerReady(metrics_url):
            return await _scheduler(metrics_url, session)
        case PostgresReady(url):
            return await _postgres(url)
        case Finished():
            return "it hasn't finished"


async def _http(url: str, session: aiohttp.ClientSession) -> str | None:
    async with session.get(url) as response:
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return f"{url} answers {response.status}: {(await response.text())[:300]}"


async def _sidecar(url: str, session: aiohttp.ClientSession) -> str | None:
    async with session.get(url) as response:
        if response.status != HTTPStatus.OK:
            return f"{url} answers {response.status}"
        metadata: dict[str, Any] = await response.json()
    # Both: a worker may be connected while placement doesn't know the host yet, and the first call would then hang.
    if not metadata.get("workflows", {}).get("connectedWorkers"):
        return "no workflow worker is connected to it"
    if not metadata.get("actorRuntime", {}).get("hostReady"):
        return "placement doesn't know it yet"
    return None


async def _scheduler(url: str, session: aiohttp.ClientSession) -> str | None:
    async with session.get(url) as response:
        text = await response.text()
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == CONNECTED_SIDECARS and float(value) > 0:
            return None
    return "it serves no sidecar yet (after a kill it waits 22 s for its former self's lease)"


async def _postgres(url: str) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()
    return None
