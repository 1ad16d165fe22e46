"""The mirror of the catalogue, and an inventory-service that isn't one."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from order_service.catalogue import Catalogue, InventoryAwayError
from tests.integration.order.world import World


@pytest.mark.parametrize("answer", [{}, [], {"items": None}, "hello"])
async def test_a_strange_answer_counts_as_none(world: World, answer: Any) -> None:  # noqa: ANN401 - JSON
    """A proxy may have given it; it is asked again, and the order-service goes on."""

    async def changes(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/catalogue/changes", changes)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        catalogue = Catalogue(world.database, session, str(server.make_url("")).rstrip("/"))

        with pytest.raises(InventoryAwayError):
            await catalogue.sync()
