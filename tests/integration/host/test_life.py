"""How a service ends: by a signal, and when a part of it fails."""

import asyncio

from tests.integration.service_process import STOP_SECONDS, running

MODULE = "tests.integration.host.half_dead"
NO_DATABASE = "postgresql://nobody:nothing@127.0.0.1:1/none"


async def test_a_service_whose_background_loop_breaks_ends_as_failed() -> None:
    """Half dead it would look ready, and nobody would start another."""
    async with running(MODULE, NO_DATABASE) as service:
        assert await service.get("/break") == (200, {})

        assert await asyncio.wait_for(service.process.wait(), STOP_SECONDS) == 1


async def test_a_service_that_is_stopped_ends_well() -> None:
    """Its loops are cancelled."""
    async with running(MODULE, NO_DATABASE) as service:
        assert await service.stop() == 0
