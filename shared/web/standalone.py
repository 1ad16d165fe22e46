"""Serves HTTP in a process of its own, without a sidecar, until it is stopped."""

import asyncio

from aiohttp import web


async def serve_until(
    stop: asyncio.Event, app: web.Application, place: tuple[str, int], *, shutdown_seconds: float
) -> None:
    """Serve the application at a host and port until `stop` is set, then end its requests within that time."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    try:
        await web.TCPSite(runner, *place).start()
        await stop.wait()
    finally:
        await runner.cleanup()
