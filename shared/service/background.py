"""Runs a service's background loops beside its HTTP surface."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

from shared.service.stop import Stop

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def running(stop: Stop, *loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """These loops run for as long as the block lasts; should one end before, the process does, too.

    A service without one of its loops answers and looks ready, and the loop's work is done by nobody.
    """

    def ended(task: asyncio.Task[None]) -> None:
        log.error("a background loop has ended: the service ends", loop=task.get_name(), exc_info=task.exception())
        stop.fail()

    tasks = [asyncio.create_task(loop, name=getattr(loop, "__qualname__", None)) for loop in loops]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
