"""Calls to the workflow engine in the background of a service: bounded, and made up for by a sweep."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

SWEEP_SECONDS: Final = 1.0
SWEEP_LIMIT: Final = 200
CONCURRENT_CALLS: Final = 32

log = structlog.get_logger()


class BackgroundCalls:
    """Runs calls beside each other, so many at a time, and one of each key. Belongs to one event loop.

    What must not wait for other calls has its own (a bulkhead): one that isn't answered keeps its slot for long.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(CONCURRENT_CALLS)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def spawn(self, key: str, call: Coroutine[Any, Any, None]) -> None:
        """Run the call as soon as there is room, unless one of this key waits or runs; it handles its own errors.

        A call may outlast the lease of what it is about, so that the sweep comes with it again.
        """
        if key in self._tasks:
            call.close()
            return
        task = self._tasks[key] = asyncio.create_task(self._one_by_one(call))
        task.add_done_callback(partial(self._ended, key))
        # One that was dropped before it began would complain that nobody awaited it.
        task.add_done_callback(lambda _: call.close())

    async def close(self) -> None:
        """Drop what is under way; the next process's sweep takes it up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        if not task.cancelled() and task.exception() is not None:
            log.error("call failed unexpectedly, the sweep tries again", key=key, exc_info=task.exception())

    async def _one_by_one(self, call: Coroutine[Any, Any, None]) -> None:
        async with self._slots:
            await call


async def sweep_until_cancelled(
    sweep: Callable[[], Awaitable[None]],
    seconds: float,
    sooner: asyncio.Event | None = None,
    *,
    failed: str = "sweep failed, trying again",
) -> None:
    """Sweep again and again, at once when `sooner` is set; a database outage is only logged."""
    sooner = sooner or asyncio.Event()
    while True:
        try:
            await sweep()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning(failed, error=str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await sooner.wait()
        sooner.clear()
