"""The approval API and its rows."""

from collections.abc import AsyncIterator

import pytest

from order_service.approval.api import approval_routes
from order_service.approval.service import ApprovalService
from order_service.approval.store import ApprovalStore
from order_service.repair.store import RepairStore
from order_service.starter import Starter
from tests.integration.api import client_of
from tests.integration.order.approvals.world import ApprovalWorld
from tests.integration.order.world import World
from tests.unit.order.fakes import FakeEngine


@pytest.fixture
async def api(world: World) -> AsyncIterator[ApprovalWorld]:
    approvals, engine = ApprovalStore(world.database), FakeEngine()
    starter = Starter(world.orders, approvals, RepairStore(world.database), engine)
    async with client_of(approval_routes(approvals, ApprovalService(approvals, starter))) as client:
        yield ApprovalWorld(world, client, engine, starter)
    await starter.close()
