"""Lets running activities end before the process does.

The SDK's own shutdown closes the channel first: an activity that ends afterwards loses its result and runs again.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

POLL_SECONDS: Final = 0.02
DELIVERY_SECONDS: Final = 0.5
"""Time for the last result to reach the sidecar after its activity has returned."""


# Works around `shutdown-loses-results` (docs/upstream.md).
class Drain:
    """Counts what runs on the worker's thread, and waits for it on the service's."""

    def __init__(self) -> None:
        self._running = 0
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    async def wait(self, limit_seconds: float) -> bool:
        """Wait until nothing runs, and half a second more; False if something still ran at the limit."""
        deadline = asyncio.get_running_loop().time() + limit_seconds
        while self._running:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(DELIVERY_SECONDS)
        return True
