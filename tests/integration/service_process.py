"""A service as a real process, without a sidecar: it migrates, serves HTTP, and waits for its sidecar in vain."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from devstack.topology.addresses import free_block
from tests.integration.conftest import PROJECT
from tests.waiting import eventually

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service."""

    process: asyncio.subprocess.Process
    base_url: str

    async def get(self, path: str) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        async with aiohttp.ClientSession() as session, session.get(self.base_url + path) as response:
            return response.status, await response.json(content_type=None)

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)


@asynccontextmanager
async def running(module: str, database_url: str, **more: str) -> AsyncIterator[ServiceProcess]:
    """`python -m <module>` on a free port, until it is alive; stopped in the end."""
    first_port = free_block(3)
    environment = {
        "SERVICE_HTTP_PORT": str(first_port),
        "DAPR_GRPC_PORT": str(first_port + 1),
        "DAPR_HTTP_PORT": str(first_port + 2),
        "SERVICE_DATABASE_URL": database_url,
        "ORDER_URL": "http://127.0.0.1:1",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, cwd=PROJECT, env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL
    )
    service = ServiceProcess(process, f"http://127.0.0.1:{first_port}")
    try:
        await _alive(service)
        yield service
    finally:
        await service.stop()


async def _alive(service: ServiceProcess) -> None:
    async def is_alive() -> bool:
        try:
            assert (await service.get("/healthz"))[0] == 200
        except aiohttp.ClientError:
            assert service.process.returncode is None, "the service ended"
            return False
        return True

    await eventually(is_alive, "the service is alive", START_SECONDS)
