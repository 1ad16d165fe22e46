"""When a service's process ends, and the background loops that live until then."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Stop(asyncio.Event):
    """Set when the process is to end: it was told to, or a part of it has failed. Of the loop that waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.exit_code = 0

    def fail(self) -> None:
        """End the process as failed, so that whoever runs it (supervisor, kubelet) starts another."""
        self.exit_code = 1
        self.set()


def stop_signal() -> Stop:
    """Set by SIGTERM and SIGINT from now on; of the running loop."""
    stop = Stop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    return stop


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
