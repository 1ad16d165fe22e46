"""A service's sidecar: whether it hands work to the service, and its end if it takes in no worker any more.

The sidecar's healthz says neither: it answers while no worker is connected and while placement is still away.

When an app's last worker goes, its sidecar waits for the turns of its workflows without a limit, and holds the lock
meanwhile that the next worker needs. A turn that never ends, as when the database dies at that moment, thus leaves an
app without a worker for ever: the sidecar answers, the worker sees an open stream, and no order moves. Neither side
gives up by itself. The service ends such a sidecar, and its supervisor or Kubernetes starts a new one.
"""

import asyncio
from typing import Any

import aiohttp
import structlog

log = structlog.get_logger()


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


# Works around `worker-kept-out` (docs/upstream.md).
async def watch_sidecar(session: aiohttp.ClientSession, api_url: str, *, looks: int, pause: float) -> None:
    """Look at the sidecar every `pause` seconds; after `looks` on end that find it up without a worker, end it.

    `looks` times `pause` must exceed the longest time that the SDK's worker waits between two tries to connect (15 s).
    A sidecar that doesn't answer is left to whoever runs it.
    """
    without_worker = 0
    while True:
        without_worker = without_worker + 1 if await _lacks_its_worker(session, api_url) else 0
        if without_worker >= looks:
            log.error("the sidecar has not taken in this service's worker: it is ended, for a new one to start")
            await _end(session, api_url)
            without_worker = 0
        await asyncio.sleep(pause)


async def _lacks_its_worker(session: aiohttp.ClientSession, api_url: str) -> bool:
    """Whether the sidecar answers, and says that it has no worker (one that failed to connect may count as less)."""
    try:
        return _workers(await _metadata(session, f"{api_url}/metadata")) <= 0
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _end(session: aiohttp.ClientSession, api_url: str) -> None:
    try:
        async with session.post(f"{api_url}/shutdown", timeout=aiohttp.ClientTimeout(total=5)) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("the sidecar could not be ended, trying again", error=repr(error))


async def _metadata(session: aiohttp.ClientSession, metadata_url: str) -> dict[str, Any]:
    async with session.get(metadata_url, timeout=aiohttp.ClientTimeout(total=2)) as response:
        metadata: dict[str, Any] = await response.json()
        return metadata


def _workers(metadata: dict[str, Any]) -> int:
    return int(metadata.get("workflows", {}).get("connectedWorkers", 0))
