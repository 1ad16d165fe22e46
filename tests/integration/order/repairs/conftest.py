"""A repair desk."""

from collections.abc import AsyncIterator

import pytest

from order_service.approval.store import ApprovalStore
from order_service.repair.api import repair_routes
from order_service.repair.service import RepairService
from order_service.repair.store import RepairStore
from order_service.starter import Starter
from tests.integration.api import client_of
from tests.integration.order.repairs.office import RepairOffice
from tests.integration.order.world import Desk
from tests.unit.order.fakes import FakeEngine


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[RepairOffice]:
    repairs, engine = RepairStore(desk.engine), FakeEngine()
    starter = Starter(desk.orders, ApprovalStore(desk.engine), repairs, engine)
    async with client_of(repair_routes(repairs, RepairService(desk.orders, repairs, starter))) as client:
        yield RepairOffice(desk, client, engine, starter)
    await starter.close()
