"""A service that waits for its sidecar in vain, with a background loop that breaks on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web

from shared.contracts.app import App
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, run
from shared.service.settings import ServiceSettings, load

NAME: Final = "half-dead-service"


async def loop(stopped: asyncio.Event) -> None:
    await stopped.wait()
    raise KeyError("what nobody foresaw")


@contextlib.asynccontextmanager
async def surface(stop: Stop) -> AsyncIterator[list[web.RouteDef]]:
    stopped = asyncio.Event()

    async def break_loop(_: web.Request) -> web.Response:
        stopped.set()
        return web.json_response({})

    async with running(stop, loop(stopped)):
        yield [web.get("/break", break_loop)]


def main() -> None:
    """Compose and run."""
    settings = load(ServiceSettings)
    run(
        Service(
            app=App(app_id=NAME, group="test"),
            settings=settings,
            migrations=Path(),
            migrates=False,
            database=create_engine(settings.service_database_url, application_name=NAME),
            activities=ActivityHost(NAME),
            surface=surface,
        )
    )


if __name__ == "__main__":
    main()
