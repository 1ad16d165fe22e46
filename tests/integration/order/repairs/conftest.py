"""The repair API and its rows."""

from collections.abc import AsyncIterator

import pytest

from order_service.approval.store import ApprovalStore
from order_service.repair.api import repair_routes
from order_service.repair.service import RepairService
from order_service.repair.store import RepairStore
from order_service.starter import Starter
from tests.integration.api import client_of
from tests.integration.order.repairs.world import RepairWorld
from tests.integration.order.world import World
from tests.unit.order.fakes import FakeEngine


@pytest.fixture
async def api(world: World) -> AsyncIterator[RepairWorld]:
    repairs, engine = RepairStore(world.database), FakeEngine()
    starter = Starter(world.orders, ApprovalStore(world.database), repairs, engine)
    async with client_of(repair_routes(repairs, RepairService(world.orders, repairs, starter))) as client:
        yield RepairWorld(world, client, engine, starter)
    await starter.close()
