"""An approval desk."""

from collections.abc import AsyncIterator

import pytest

from order_service.approval.api import approval_routes
from order_service.approval.service import ApprovalService
from order_service.approval.store import ApprovalStore
from order_service.repair.store import RepairStore
from order_service.starter import Starter
from tests.integration.api import client_of
from tests.integration.order.approvals.office import ApprovalOffice
from tests.integration.order.world import Desk
from tests.unit.order.fakes import FakeEngine


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[ApprovalOffice]:
    approvals, engine = ApprovalStore(desk.engine), FakeEngine()
    starter = Starter(desk.orders, approvals, RepairStore(desk.engine), engine)
    async with client_of(approval_routes(approvals, ApprovalService(approvals, starter))) as client:
        yield ApprovalOffice(desk, client, engine, starter)
    await starter.close()
