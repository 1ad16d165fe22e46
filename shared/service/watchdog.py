"""Ends a sidecar that no longer takes in its service's worker; who runs it (supervisor, Kubernetes) starts a new one.

When the last worker of an app goes, the sidecar (daprd 1.18.2) waits for the turns of its workflows without a limit,
and holds the lock meanwhile that the next worker needs to be taken in. A turn that never ends, as when the database
dies at that moment, thus leaves an app without a worker for ever: the sidecar answers, the worker sees an open stream,
and no order moves. Neither side gives up by itself, and only a new sidecar helps.
"""

import asyncio

import aiohttp
import structlog

from shared.service.readiness import connected_workers

log = structlog.get_logger()


async def watch_sidecar(session: aiohttp.ClientSession, api_url: str, *, looks: int, pause: float) -> None:
    """Look at the sidecar every `pause` seconds; after `looks` on end that find it up without a worker, end it.

    `looks` times `pause` must exceed the longest time that the SDK's worker waits between two tries to connect (15 s).
    A sidecar that doesn't answer is left to whoever runs it.
    """
    without_worker = 0
    while True:
        without_worker = without_worker + 1 if await _lacks_its_worker(session, api_url) else 0
        if without_worker >= looks:
            log.error("the sidecar has not taken in this service's worker: it is told to end, for a new one to start")
            await _end(session, api_url)
            without_worker = 0
        await asyncio.sleep(pause)


async def _lacks_its_worker(session: aiohttp.ClientSession, api_url: str) -> bool:
    """Whether the sidecar answers, and says that it has no worker (one that failed to connect may count as less)."""
    try:
        return await connected_workers(session, f"{api_url}/metadata") <= 0
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _end(session: aiohttp.ClientSession, api_url: str) -> None:
    try:
        async with session.post(f"{api_url}/shutdown", timeout=aiohttp.ClientTimeout(total=5)) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("the sidecar could not be told to end, trying again", error=repr(error))
