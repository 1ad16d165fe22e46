"""A background loop runs for as long as its service; neither goes on without the other."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.service.lifecycle import Stop, running

pytestmark = pytest.mark.unit

Loop = Callable[[], Coroutine[Any, Any, None]]


async def for_ever() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise ValueError("a row that nobody foresaw")


async def returns() -> None:
    return


async def breaks_when_cancelled() -> None:
    try:
        await for_ever()
    finally:
        await breaks()


@pytest.mark.parametrize("loop", [breaks, returns])
async def test_a_loop_that_ends_ends_its_process_as_failed(loop: Loop) -> None:
    """Whoever runs the process starts another; the log has the traceback."""
    stop = Stop()
    with capture_logs() as logs:
        async with asyncio.timeout(5), running(stop, for_ever(), loop()):
            await stop.wait()

    (line,) = logs
    assert (1, "error", loop.__qualname__) == (stop.exit_code, line["log_level"], line["loop"])
    assert isinstance(line["exc_info"], ValueError) == (loop is breaks)


@pytest.mark.parametrize("loop", [for_ever, breaks_when_cancelled])
async def test_the_end_of_a_service_is_no_failure_of_its_loops(loop: Loop) -> None:
    """On a signal it ends quietly, also if a loop trips over being cancelled."""
    stop = Stop()
    with capture_logs() as logs:
        async with running(stop, loop()):
            await asyncio.sleep(0)
            stop.set()

    assert (0, []) == (stop.exit_code, logs)
