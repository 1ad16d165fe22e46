"""Shows running sagas live: carries their timelines from the worker's thread into their rows.

This is a view. What is lost here (a crash, a database that is away) is made good by the next change of the saga, and
the last word is written by the saga's own activity.
"""

import asyncio
import threading
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.timeline import Timeline

GATHER_SECONDS: Final = 0.05
"""Changes of this long are written in one statement."""

log = structlog.get_logger()


class Shows(Protocol):
    """Keeps timelines where they can be looked at."""

    async def show(self, timelines: dict[str, Timeline]) -> None:
        """Put the progress of running sagas into their rows; what is older than the row is dropped."""


class ProgressWriter:
    """Takes timelines from any thread, writes the newest of each saga."""

    def __init__(self, rows: Shows) -> None:
        self._rows = rows
        self._newest: dict[str, Timeline] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    def observe(self, saga_id: str, timeline: Timeline) -> None:
        """Take note of a saga's timeline; never blocks and never fails."""
        with self._lock:
            self._newest[saga_id] = timeline
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Write until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._changed.clear()
            with self._lock:
                newest, self._newest = self._newest, {}
            if not newest:
                continue
            try:
                await self._rows.show(newest)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("progress not shown", sagas=len(newest), error=str(error))
