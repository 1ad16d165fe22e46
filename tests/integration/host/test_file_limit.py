"""A service that may open no more files answers again by itself, once others are closed."""

import asyncio
import resource
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.service_process import ServiceProcess, running
from tests.waiting import eventually

pytestmark = pytest.mark.integration

SPARE = 4
"""Files that it may still open."""
CONNECTIONS = 40


async def status(service: ServiceProcess, path: str) -> int:
    """The status of an answer; 0 if none came in time."""
    try:
        async with asyncio.timeout(3):
            return (await service.get(path))[0]
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def test_it_goes_on_once_there_is_room(service_database: ServiceDatabase) -> None:
    """Meanwhile requests wait, or are told to come again; nothing of it ends the process."""
    # One without a worker: gRPC's library ends its process if it can't open what it needs, which is then started anew.
    async with running("payment_gateway", service_database("payment_gateway"), SHOP_MODE="test") as service:
        pid = service.process.pid
        limit = psutil.Process(pid).num_fds() + SPARE
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, most))
        address = urlsplit(service.base_url)
        held = [await asyncio.open_connection(address.hostname, address.port) for _ in range(CONNECTIONS)]

        seen = {await status(service, path) for path in ("/healthz", "/v1/books", "/v1/books")}
        assert seen <= {0, 200, 503}, seen
        for _, writer in held:
            writer.close()

        async def answers() -> bool:
            return await status(service, "/v1/books") == 200

        await eventually(answers, "it answers from its database", 30)
        assert service.process.returncode is None
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
