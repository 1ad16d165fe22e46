"""A sidecar that is up without its service's worker is asked to end, and only that one."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.service.sidecar import watch_sidecar

pytestmark = pytest.mark.unit

LOOKS = 4
PAUSE_SECONDS = 0.005
OFTEN = 5 * LOOKS


class Sidecar:
    """A sidecar's HTTP API that answers each look with the next number of workers, the last one for ever."""

    def __init__(self, *workers: int, metadata_status: int = 200, shutdown_status: int = 204) -> None:
        self._workers = list(workers)
        self._metadata_status = metadata_status
        self._shutdown_status = shutdown_status
        self.looks = 0
        self.looked_at_often = asyncio.Event()
        self.ends = 0
        self.asked_twice = asyncio.Event()
        self.asked = asyncio.Event()

    async def metadata(self, _: web.Request) -> web.Response:
        workers = self._workers.pop(0) if len(self._workers) > 1 else self._workers[0]
        self.looks += 1
        if self.looks >= OFTEN:
            self.looked_at_often.set()
        # A sidecar without a worker leaves the key out.
        body = {"workflows": {"connectedWorkers": workers}} if workers else {}
        return web.json_response(body, status=self._metadata_status)

    async def shutdown(self, _: web.Request) -> web.Response:
        self.ends += 1
        self.asked.set()
        if self.ends > 1:
            self.asked_twice.set()
        return web.Response(status=self._shutdown_status)


async def watched(sidecar: Sidecar, until: Callable[[], Awaitable[object]]) -> None:
    app = web.Application()
    app.router.add_get("/v1.0/metadata", sidecar.metadata)
    app.router.add_post("/v1.0/shutdown", sidecar.shutdown)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("/v1.0"))
        watchdog = asyncio.create_task(watch_sidecar(session, url, looks=LOOKS, pause=PAUSE_SECONDS))
        try:
            async with asyncio.timeout(20):
                await until()
            assert not watchdog.done()
        finally:
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)


async def test_a_sidecar_that_takes_in_no_worker_is_stopped() -> None:
    """It had one, lost it, and answers on."""
    sidecar = Sidecar(1, 1, 0)

    await watched(sidecar, sidecar.asked.wait)

    assert sidecar.ends == 1


async def test_a_sidecar_that_does_not_end_is_stopped_again() -> None:
    """Also when it can't even answer to that."""
    sidecar = Sidecar(0, shutdown_status=500)

    await watched(sidecar, sidecar.asked_twice.wait)


@pytest.mark.parametrize("workers", [(1,), (0, 0, 1)], ids=["connected", "connected after a while"])
async def test_a_sidecar_with_a_worker_is_left_alone(workers: tuple[int, ...]) -> None:
    """Its worker may come late: within the patience that is a start like any other."""
    sidecar = Sidecar(*workers)

    await watched(sidecar, sidecar.looked_at_often.wait)

    assert sidecar.ends == 0


async def test_a_sidecar_that_comes_and_goes_is_left_alone() -> None:
    """Patience is for being up without a worker on end; each look with one begins it anew."""
    sidecar = Sidecar(*([0, 0, 0, 1] * OFTEN))

    await watched(sidecar, sidecar.looked_at_often.wait)

    assert sidecar.ends == 0


async def test_a_dead_sidecar_is_left_to_whoever_runs_it() -> None:
    """Nobody answers: there is nobody to ask."""
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("/v1.0"))
    async with aiohttp.ClientSession() as session:
        watchdog = asyncio.create_task(watch_sidecar(session, url, looks=1, pause=0.001))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(watchdog)
        watchdog.cancel()
        await asyncio.gather(watchdog, return_exceptions=True)
