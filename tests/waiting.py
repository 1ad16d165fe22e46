"""Waiting for what happens in other tasks, processes and databases: asking until the answer is true, to a deadline.

True as Python has it: None, False, 0 and what is empty are asked for again.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

ASKS_AGAIN_SECONDS: Final = 0.01
BLOCKING_ASKS_AGAIN_SECONDS: Final = 0.05
"""Longer: behind it are requests to whole processes."""


async def eventually(holds: Callable[[], object], what: str = "it holds", seconds: float = 60) -> None:
    """Return as soon as the condition (or what it awaits) is true.

    Raises:
        AssertionError: it wasn't within that time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await _truth(holds()):  # noqa: ASYNC110 - happens elsewhere
                await asyncio.sleep(ASKS_AGAIN_SECONDS)
    except TimeoutError:
        raise _not_within(seconds, what) from None


def eventually_blocking(answer: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """As `eventually`, for tests without an event loop; the first true answer.

    Raises:
        AssertionError: there was none within that time.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := answer()):
        if time.monotonic() > deadline:
            raise _not_within(seconds, what)
        pause.wait(BLOCKING_ASKS_AGAIN_SECONDS)
    return found


async def _truth(found: object) -> object:
    return await found if isinstance(found, Awaitable) else found


def _not_within(seconds: float, what: str) -> AssertionError:
    return AssertionError(f"not within {seconds:.0f} s: {what}")
