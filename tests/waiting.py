"""Waiting for what happens in other tasks, processes and databases."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], object], what: str = "it holds", seconds: float = 60) -> None:
    """Return as soon as the condition (or what it awaits) holds.

    Raises:
        AssertionError: it didn't within that time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await _truth(holds()):  # noqa: ASYNC110 - happens elsewhere
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s: {what}") from None


async def _truth(found: object) -> object:
    return await found if isinstance(found, Awaitable) else found
