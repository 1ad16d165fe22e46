"""Serves a service's routes for a test as the service host does, without a sidecar."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from shared.web.http import MAX_BODY_BYTES, application

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def client_of(routes: Sequence[web.RouteDef], *, max_body_bytes: int = MAX_BODY_BYTES) -> AsyncIterator[Client]:
    """A client of these routes."""

    async def ready() -> None:
        return None

    app = application(ready, max_body_bytes=max_body_bytes)
    app.router.add_routes(routes)
    async with TestClient(TestServer(app)) as client:
        yield client
